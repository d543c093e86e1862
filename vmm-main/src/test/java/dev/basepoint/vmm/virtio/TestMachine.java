package dev.basepoint.vmm.virtio;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionRequest.Attachment;
import dev.basepoint.ipc.control.SupervisionRequest.Kind;
import dev.basepoint.vmm.machine.IoThread;
import dev.basepoint.vmm.virtio.channel.Deadlines;
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

  final TestHost host = new TestHost();
  final BlockingQueue<SupervisionEvent> events = new LinkedBlockingQueue<>();
  final BlockingQueue<Throwable> ioFailures = new LinkedBlockingQueue<>();
  final List<FakeServer> servers;
  final VirtioDevices devices;
  private final IoThread ioThread;

  TestMachine(Deadlines deadlines, FakeServer... servers) throws IOException {
    this.servers = List.of(servers);
    ioThread = new IoThread(ioFailures::add);
    List<Attachment> attachments = new ArrayList<>();
    for (int i = 0; i < servers.length; i++) {
      servers[i].start();
      attachments.add(new Attachment("disk" + i, Kind.BLK, servers[i].channelForVmm()));
    }
    devices = VirtioDevices.connect(attachments, deadlines, events::add);
    devices.attach(host, ioThread.loop());
    ioThread.start();
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
