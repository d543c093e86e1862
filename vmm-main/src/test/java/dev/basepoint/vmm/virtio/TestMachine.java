package dev.basepoint.vmm.virtio;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionRequest.Attachment;
import dev.basepoint.ipc.control.SupervisionRequest.Kind;
import dev.basepoint.vmm.machine.IoThread;
import dev.basepoint.vmm.virtio.channel.Deadlines;
import dev.basepoint.vmm.virtio.channel.LoopTasks;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Devices attached to a {@link TestHost}, with their I/O thread and fake servers. */
final class TestMachine implements AutoCloseable {
  static final Deadlines PATIENT =
      new Deadlines(
          Duration.ofSeconds(30), Duration.ofSeconds(30), Duration.ofSeconds(60), Duration.ZERO);

  private static final long AREA_BYTES = 8L << 20;

  final TestHost host;
  final BlockingQueue<SupervisionEvent> events = new LinkedBlockingQueue<>();
  final BlockingQueue<Throwable> ioFailures = new LinkedBlockingQueue<>();
  final List<FakeServer> servers;
  final VirtioDevices devices;
  private final IoThread ioThread;

  TestMachine(Deadlines deadlines, FakeServer... servers) throws IOException {
    this(new TestHost(), deadlines, servers);
  }

  TestMachine(TestHost host, Deadlines deadlines, FakeServer... servers) throws IOException {
    this.host = host;
    this.servers = List.of(servers);
    ioThread = new IoThread(ioFailures::add);
    List<Attachment> attachments = new ArrayList<>();
    for (int i = 0; i < servers.length; i++) {
      servers[i].start();
      Kind kind = kind(servers[i]);
      String name = (kind == Kind.BLK ? "disk" : kind.wireName()) + i;
      attachments.add(new Attachment(name, kind, servers[i].channelForVmm()));
    }
    devices = VirtioDevices.connect(attachments, deadlines, events::add);
    devices.attach(host, ioThread.loop());
    ioThread.start();
  }

  private static Kind kind(FakeServer server) {
    return switch (server.info.virtioDeviceId()) {
      case 1 -> Kind.NET;
      case 4 -> Kind.RNG;
      default -> Kind.BLK;
    };
  }

  /** Waits until the I/O thread has done everything that it was told so far. */
  void awaitIoThread() {
    LoopTasks.runAndWait(ioThread.loop(), () -> {});
  }

  TestGuest guest(int index) {
    return guest(index, AREA_BYTES);
  }

  TestGuest guest(int index, long areaBytes) {
    return new TestGuest(host, devices.slots().get(index), (1 + index) * AREA_BYTES, areaBytes);
  }

  long counter(int index, String key) {
    return devices.devices().get(index).counters().values().get(key);
  }

  /** Waits for the report that a device's server has failed; returns the reason. */
  String awaitFailure(int index) throws InterruptedException {
    while (true) {
      SupervisionEvent event = events.poll(60, TimeUnit.SECONDS);
      if (event == null) {
        throw new AssertionError("no failure of disk" + index + " was reported");
      }
      if (event instanceof SupervisionEvent.DeviceFailed(String device, String reason)
          && device.equals("disk" + index)) {
        return reason;
      }
    }
  }

  void setSpinNanos(long spinNanos) {
    ioThread.loop().setSpinNanos(spinNanos);
  }

  @Override
  public void close() {
    devices.close();
    ioThread.close();
    for (FakeServer server : servers) {
      server.close();
    }
    host.close();
    if (!ioFailures.isEmpty()) {
      throw new AssertionError("the I/O thread failed", ioFailures.peek());
    }
  }
}
