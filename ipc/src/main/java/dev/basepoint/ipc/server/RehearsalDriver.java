package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.Requester;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.DriverQueue;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.virtqueue.UsedResult;
import dev.basepoint.ipc.window.WindowLayout;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The driver's side of a rehearsal: a scratch window with one activation's queues. */
public final class RehearsalDriver implements AutoCloseable {
  private static final int QUEUE_SIZE = 16;
  private static final long SLOTS_BYTES = 64 * 1024;
  private static final Duration TIMEOUT = Duration.ofSeconds(10);

  private final Requester<DeviceRequest, DeviceReply, DeviceEvent> requester;
  private final WindowLayout layout;
  private final Mapping window;
  private final List<DriverQueue> queues = new ArrayList<>();
  private final List<EventFd> kicks = new ArrayList<>();
  private final List<EventFd> calls = new ArrayList<>();

  /** Activates and starts the device. */
  RehearsalDriver(
      Requester<DeviceRequest, DeviceReply, DeviceEvent> requester, long features, int queueCount)
      throws IOException {
    this.requester = requester;
    layout = WindowLayout.compute(Collections.nCopies(queueCount, QUEUE_SIZE), SLOTS_BYTES);
    try (Fd memfd = MemFd.create("rehearsal", layout.totalBytes())) {
      MemFd.seal(memfd, MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW);
      window = Mapping.shared(memfd, 0, layout.totalBytes(), true);
      GuestMemory memory = GuestMemory.ofWindow(window.segment());
      List<DeviceRequest.QueueSetup> setups = new ArrayList<>();
      for (int i = 0; i < queueCount; i++) {
        RingAddresses ring = layout.queues().get(i);
        queues.add(new DriverQueue(memory, ring, features));
        kicks.add(EventFd.create());
        calls.add(EventFd.create());
        setups.add(
            new DeviceRequest.QueueSetup(
                i,
                QUEUE_SIZE,
                ring.descGpa(),
                ring.availGpa(),
                ring.usedGpa(),
                0,
                0,
                kicks.get(i).fd(),
                calls.get(i).fd()));
      }
      call(new DeviceRequest.Activate(features, layout.totalBytes(), memfd, setups));
      call(new DeviceRequest.Run());
    }
  }

  /** The driver's half of a queue of 16 descriptors. */
  public DriverQueue queue(int index) {
    return queues.get(index);
  }

  /** The address of 64 KiB that requests may use as they like. */
  public long slotsGpa() {
    return layout.slotsOffset();
  }

  /** The memory at {@link #slotsGpa}, for what the device is to read. */
  public java.lang.foreign.MemorySegment slots() {
    return window.segment().asSlice(layout.slotsOffset(), layout.slotsBytes());
  }

  /** Publishes what was submitted to a queue and waits until all of it has come back. */
  public void roundTrip(int index) throws IOException {
    DriverQueue queue = queue(index);
    if (queue.publish()) {
      kicks.get(index).signal();
    }
    long deadline = System.nanoTime() + TIMEOUT.toNanos();
    while (queue.inFlight() > 0) {
      UsedResult result = queue.popUsed();
      if (result.isFault()) {
        throw new IOException("rehearsed device returned " + result);
      }
      if (result == UsedResult.EMPTY && !queue.enableCalls()) {
        if (!Poll.await(calls.get(index).fd(), Poll.POLLIN, deadline)) {
          throw new IOException("rehearsed device does not answer");
        }
        calls.get(index).drain();
      }
    }
  }

  private void call(DeviceRequest request) throws IOException {
    requester.call(request, TIMEOUT);
  }

  /** Drains and halts the device. */
  @Override
  public void close() throws IOException {
    call(new DeviceRequest.Drain());
    call(new DeviceRequest.Halt());
    kicks.forEach(EventFd::close);
    calls.forEach(EventFd::close);
    window.close();
  }
}
