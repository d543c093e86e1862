package dev.basepoint.launcher.bench;

import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.DeviceProtocol;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.Requester;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.DriverQueue;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.virtqueue.RingFeatures;
import dev.basepoint.ipc.virtqueue.UsedResult;
import dev.basepoint.ipc.window.WindowLayout;
import dev.basepoint.launcher.group.Attachments;
import dev.basepoint.launcher.group.DevicePlan;
import dev.basepoint.launcher.group.GroupListener;
import dev.basepoint.launcher.group.GroupMember;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.ProcessGroup;
import dev.basepoint.launcher.group.SandboxLevel;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;

/**
 * A disk's server as it runs in a VM, and in place of vmm-main a driver that reads 4 KiB at a time,
 * one request after the other, through a window of its own.
 *
 * <pre>
 *   slots   | header | status | ... | data
 *           0        16             4096
 * </pre>
 */
final class BlkRequests implements AutoCloseable {
  private static final int QUEUE_SIZE = 16;
  private static final int HEADER_BYTES = 16;
  private static final int STATUS_OFFSET = HEADER_BYTES;
  private static final int DATA_OFFSET = 4096;
  private static final int DATA_BYTES = 4096;
  private static final int SECTOR_BYTES = 512;
  private static final int IMAGE_BYTES = 16 << 20;
  private static final long VIRTIO_F_VERSION_1 = 1L << 32;
  private static final Duration TIMEOUT = Duration.ofSeconds(30);

  private final DevicePlan.Blk disk;
  private final ProcessGroup group;
  private final Requester<DeviceRequest, DeviceReply, DeviceEvent> requester;
  private final EventFd kick = EventFd.create();
  private final EventFd call = EventFd.create();
  private final Mapping window;
  private final DriverQueue queue;
  private final long slotsGpa;
  private long nextSector;

  BlkRequests(Installation installation, SandboxLevel level) throws IOException {
    Fd image = OpenFile.open("/var/tmp", OpenFile.O_TMPFILE | OpenFile.O_RDWR, 0600);
    MemFd.resize(image, IMAGE_BYTES);
    disk =
        new DevicePlan.Blk("bench", image, List.of(), false, false, "", 1, QUEUE_SIZE, 512, false);
    group = new ProcessGroup(installation, level, new GroupListener() {}, TIMEOUT);
    group.spawn(List.of(GroupMember.server(disk)));
    try (Attachments attachments = group.attach(List.of(disk))) {
      Fd channel = attachments.list().getFirst().channel().duplicate();
      requester =
          new Requester<>(
                  new FrameChannel(UnixSocket.own(channel), "blk"),
                  new DeviceProtocol(),
                  new Indifferent())
              .start();
    }
    ask(new DeviceRequest.Hello(DeviceProtocol.VERSION, 0));
    ask(new DeviceRequest.Describe());
    WindowLayout layout = WindowLayout.compute(List.of(QUEUE_SIZE), DATA_OFFSET + DATA_BYTES);
    slotsGpa = layout.slotsOffset();
    long features = VIRTIO_F_VERSION_1 | RingFeatures.VIRTIO_F_EVENT_IDX;
    try (Fd memfd = MemFd.create("window-bench", layout.totalBytes())) {
      MemFd.seal(memfd, MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW | MemFd.F_SEAL_SEAL);
      window = Mapping.shared(memfd, 0, layout.totalBytes(), true);
      RingAddresses rings = layout.queues().getFirst();
      queue = new DriverQueue(GuestMemory.ofWindow(window.segment()), rings, features);
      DeviceRequest.QueueSetup setup =
          new DeviceRequest.QueueSetup(
              0,
              QUEUE_SIZE,
              rings.descGpa(),
              rings.availGpa(),
              rings.usedGpa(),
              0,
              0,
              kick.fd(),
              call.fd());
      ask(new DeviceRequest.Activate(features, layout.totalBytes(), memfd, List.of(setup)));
      ask(new DeviceRequest.Run());
    }
  }

  /** What the disk reports unasked is no concern of a benchmark; its end shows in a request. */
  private static final class Indifferent implements Requester.Listener<DeviceEvent> {
    @Override
    public void onEvent(DeviceEvent event) {}

    @Override
    public void onClosed(IOException cause) {}
  }

  private void ask(DeviceRequest request) throws IOException {
    requester.call(request, TIMEOUT);
  }

  /** Makes one request after the other; returns how long each took, in milliseconds. */
  double[] read(int count) throws IOException {
    double[] millis = new double[count];
    for (int i = 0; i < count; i++) {
      long start = System.nanoTime();
      readOnce();
      millis[i] = (System.nanoTime() - start) / 1e6;
    }
    return millis;
  }

  private void readOnce() throws IOException {
    MemorySegment slots = window.segment().asSlice(slotsGpa);
    slots.set(ValueLayout.JAVA_INT, 0, 0); // VIRTIO_BLK_T_IN
    slots.set(ValueLayout.JAVA_LONG, 8, nextSector);
    slots.set(ValueLayout.JAVA_BYTE, STATUS_OFFSET, (byte) -1);
    nextSector = (nextSector + DATA_BYTES / SECTOR_BYTES) % (IMAGE_BYTES / SECTOR_BYTES);
    queue.begin();
    queue.add(slotsGpa, HEADER_BYTES, false);
    queue.add(slotsGpa + DATA_OFFSET, DATA_BYTES, true);
    queue.add(slotsGpa + STATUS_OFFSET, 1, true);
    queue.submit();
    if (queue.publish()) {
      kick.signal();
    }
    long deadline = System.nanoTime() + TIMEOUT.toNanos();
    while (queue.inFlight() > 0) {
      UsedResult result = queue.popUsed();
      if (result.isFault()) {
        throw new IOException("the disk's server returned " + result);
      }
      if (result == UsedResult.EMPTY && !queue.enableCalls()) {
        if (!Poll.await(call.fd(), Poll.POLLIN, deadline)) {
          throw new IOException("the disk's server does not answer");
        }
        call.drain();
      }
    }
    if (slots.get(ValueLayout.JAVA_BYTE, STATUS_OFFSET) != 0) {
      throw new IOException("the disk's server could not read sector " + nextSector);
    }
  }

  @Override
  public void close() {
    requester.close();
    group.close();
    disk.close();
    kick.close();
    call.close();
    window.close();
  }
}
