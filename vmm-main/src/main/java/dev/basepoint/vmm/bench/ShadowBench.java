package dev.basepoint.vmm.bench;

import dev.basepoint.ipc.control.SupervisionRequest.Kind;
import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.virtqueue.RingFeatures;
import dev.basepoint.ipc.window.WindowLayout;
import dev.basepoint.vmm.machine.IoThread;
import dev.basepoint.vmm.virtio.mmio.DriverSetup;
import dev.basepoint.vmm.virtio.shadow.DeviceProfile;
import dev.basepoint.vmm.virtio.shadow.ShadowCounters;
import dev.basepoint.vmm.virtio.shadow.ShadowDevice;
import dev.basepoint.vmm.virtio.shadow.Window;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.ToDoubleFunction;

/**
 * What the shadow virtqueue costs: the same guest reads 4 KiB blocks from the same memory-copying
 * device, once with the device on the guest's own ring and once through the shadow queue, an I/O
 * thread and a window. Rounds of both alternate, so that the host's mood hits both alike.
 *
 * <pre>
 *   direct:  guest ------------- kick, call ------------- device
 *   shadow:  guest -- kick -- I/O thread -- kick, call -- device
 * </pre>
 *
 * <p>Prints one JSON object; figures are medians over rounds, the ratio is shadow over direct.
 */
public final class ShadowBench {
  private static final int QUEUE_SIZE = 256;
  private static final int ROUNDS = 5;
  private static final int REQUESTS_PER_ROUND = 20_000;
  private static final int WARM_UP_REQUESTS = 60_000;
  private static final int[] DEPTHS = {1, 8, 32};
  private static final int[] SPIN_MICROS = {0, 20, 100};
  private static final long FEATURES = RingFeatures.VIRTIO_F_EVENT_IDX;

  private ShadowBench() {}

  /** Takes no arguments and needs no privilege. */
  public static void main(String[] args) throws IOException {
    run(32, 0, WARM_UP_REQUESTS, 1);
    List<String> cases = new ArrayList<>();
    for (int depth : DEPTHS) {
      for (int spinMicros : SPIN_MICROS) {
        cases.add(run(depth, spinMicros, REQUESTS_PER_ROUND, ROUNDS));
      }
    }
    System.out.printf(
        Locale.ROOT,
        "{\"request_bytes\":%d,\"cpus\":%d,\"cases\":[%s]}%n",
        RingDriver.DATA_BYTES,
        Runtime.getRuntime().availableProcessors(),
        String.join(",", cases));
  }

  private static String run(int depth, int spinMicros, int requests, int rounds)
      throws IOException {
    RingDriver.Figures[] direct = new RingDriver.Figures[rounds];
    RingDriver.Figures[] shadow = new RingDriver.Figures[rounds];
    for (int round = 0; round < rounds; round++) {
      direct[round] = direct(depth, requests);
      shadow[round] = shadow(depth, requests, spinMicros * 1000L);
    }
    double directRate = median(direct, RingDriver.Figures::requestsPerSecond);
    double shadowRate = median(shadow, RingDriver.Figures::requestsPerSecond);
    return String.format(
        Locale.ROOT,
        "{\"depth\":%d,\"spin_us\":%d,\"direct\":%s,\"shadow\":%s,\"ratio\":%.3f}",
        depth,
        spinMicros,
        json(direct, directRate),
        json(shadow, shadowRate),
        shadowRate / directRate);
  }

  private static String json(RingDriver.Figures[] figures, double rate) {
    return String.format(
        Locale.ROOT,
        "{\"requests_per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f}",
        rate,
        median(figures, f -> f.percentile(50)) / 1000,
        median(figures, f -> f.percentile(99)) / 1000);
  }

  private static double median(
      RingDriver.Figures[] figures, ToDoubleFunction<RingDriver.Figures> what) {
    double[] values = Arrays.stream(figures).mapToDouble(what).sorted().toArray();
    return values[values.length / 2];
  }

  /** Guest RAM with one queue, and the eventfds of a guest. */
  private static final class Guest implements AutoCloseable {
    final WindowLayout layout;
    final Mapping mapping;
    final GuestMemory ram;
    final RingAddresses rings;
    final EventFd kick = EventFd.create();
    final EventFd interrupt = EventFd.create();
    final RingDriver driver;

    Guest(int depth) throws IOException {
      layout = WindowLayout.compute(List.of(QUEUE_SIZE), RingDriver.heapBytes(depth));
      mapping = Mapping.anonymous(layout.totalBytes());
      ram = GuestMemory.ofWindow(mapping.segment());
      rings = layout.queues().getFirst();
      driver = new RingDriver(ram, rings, FEATURES, layout.slotsOffset(), kick, interrupt);
    }

    @Override
    public void close() {
      mapping.close();
      kick.close();
      interrupt.close();
    }
  }

  private static RingDriver.Figures direct(int depth, int requests) throws IOException {
    try (Guest guest = new Guest(depth);
        CopyDevice _ =
            new CopyDevice(guest.ram, guest.rings, FEATURES, guest.kick, guest.interrupt)) {
      return guest.driver.run(depth, requests);
    }
  }

  private static RingDriver.Figures shadow(int depth, int requests, long spinNanos)
      throws IOException {
    DeviceProfile profile = DeviceProfile.of(Kind.BLK);
    try (Guest guest = new Guest(depth);
        EventFd kick = EventFd.create();
        EventFd call = EventFd.create();
        Window window =
            Window.create("window-bench", List.of(QUEUE_SIZE), profile.slotsBytesPerQueue());
        Mapping servers = Mapping.shared(window.memfd(), 0, window.sizeBytes(), true);
        IoThread io = new IoThread(Throwable::printStackTrace)) {
      ReentrantLock lock = new ReentrantLock();
      ShadowDevice shadow =
          new ShadowDevice(
              lock, guest.ram, profile, 1, new ShadowCounters(), new Interrupts(guest.interrupt));
      start(shadow, lock, guest, window, kick);
      GuestMemory serversView = GuestMemory.ofWindow(servers.segment());
      try (CopyDevice _ = new CopyDevice(serversView, window.rings(0), FEATURES, kick, call)) {
        serve(io, shadow, guest.kick, call);
        io.loop().setSpinNanos(spinNanos);
        io.start();
        return guest.driver.run(depth, requests);
      } finally {
        io.stop();
      }
    }
  }

  private static void start(
      ShadowDevice shadow, ReentrantLock lock, Guest guest, Window window, EventFd kick) {
    lock.lock();
    try {
      DriverSetup.Queue queue = new DriverSetup.Queue(0, guest.rings);
      shadow.start(
          new DriverSetup(FEATURES, List.of(queue)),
          window,
          FEATURES,
          new EventFd[] {kick},
          List.of());
      shadow.run();
    } finally {
      lock.unlock();
    }
  }

  private static void serve(IoThread io, ShadowDevice shadow, EventFd kick, EventFd call)
      throws IOException {
    io.loop()
        .watch(
            kick.fd(),
            Epoll.EPOLLIN,
            _ -> {
              kick.drain();
              shadow.onKick(0);
            });
    io.loop()
        .watch(
            call.fd(),
            Epoll.EPOLLIN,
            _ -> {
              call.drain();
              shadow.onCall(0);
            });
    io.loop().addPoller(shadow);
  }

  private record Interrupts(EventFd interrupt) implements ShadowDevice.Listener {
    @Override
    public void onUsedBuffers() {
      interrupt.signal();
    }

    @Override
    public void onGuestFault(String what) {
      throw new IllegalStateException("the guest's fault: " + what);
    }

    @Override
    public void onServerFault(String what) {
      throw new IllegalStateException("the server's fault: " + what);
    }
  }
}
