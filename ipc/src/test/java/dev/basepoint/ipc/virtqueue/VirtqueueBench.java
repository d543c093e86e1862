package dev.basepoint.ipc.virtqueue;

import com.sun.management.ThreadMXBean;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.window.SlotAllocator;
import dev.basepoint.ipc.window.SlotPlacement;
import dev.basepoint.ipc.window.WindowLayout;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.List;

/**
 * What one request costs on a virtqueue, both sides on one thread: processor time, which other
 * processes do not distort as they do elapsed time, and allocated bytes. Run {@code main}; the
 * allocation is asserted by {@link VirtqueueAllocationTest}.
 */
public final class VirtqueueBench {
  private static final int QUEUE_SIZE = 256;
  private static final int SEGMENTS = 3;
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final DriverQueue driver;
  private final DeviceQueue device;
  private final DescriptorChain chain;
  private final long slots;
  private final SlotAllocator allocator;
  private final SlotPlacement placement = new SlotPlacement(QUEUE_SIZE);

  /** Nanoseconds of processor time and bytes, per request. */
  record Cost(double nanos, double allocatedBytes) {}

  VirtqueueBench(long features) {
    WindowLayout layout = WindowLayout.compute(List.of(QUEUE_SIZE), 1 << 20);
    GuestMemory window =
        GuestMemory.ofWindow(Arena.ofAuto().allocate(layout.totalBytes(), WindowLayout.PAGE_BYTES));
    RingAddresses addresses = layout.queues().getFirst();
    driver = new DriverQueue(window, addresses, features);
    device =
        switch (DeviceQueue.open(window, addresses, features)) {
          case DeviceQueue.Opened(DeviceQueue queue) -> queue;
          case DeviceQueue.Refused refused -> throw new IllegalStateException(refused.toString());
        };
    chain = device.newChain();
    slots = layout.slotsOffset();
    allocator = new SlotAllocator(layout);
  }

  /** Sends {@code batches} batches of {@code batch} requests of three buffers there and back. */
  Cost roundTrips(int batches, int batch) {
    return measure(batches, batch, false);
  }

  /** As {@link #roundTrips}, and places each request in slots and releases it. */
  Cost roundTripsWithSlots(int batches, int batch) {
    return measure(batches, batch, true);
  }

  private Cost measure(int batches, int batch, boolean place) {
    long bytesBefore = THREADS.getCurrentThreadAllocatedBytes();
    long start = THREADS.getCurrentThreadCpuTime();
    for (int i = 0; i < batches; i++) {
      submit(batch);
      serve(place);
      collect();
    }
    long nanos = THREADS.getCurrentThreadCpuTime() - start;
    long bytes = THREADS.getCurrentThreadAllocatedBytes() - bytesBefore;
    double requests = (double) batches * batch;
    return new Cost(nanos / requests, bytes / requests);
  }

  private void submit(int batch) {
    for (int i = 0; i < batch; i++) {
      driver.begin();
      driver.add(slots, 16, false);
      driver.add(slots + 4096, 4096, true);
      driver.add(slots + 64, 1, true);
      driver.submit();
    }
    driver.publish();
  }

  private void serve(boolean place) {
    while (device.pop(chain) == PopResult.CHAIN) {
      if (place) {
        placement.place(allocator, chain);
        placement.release(allocator);
      }
      device.push(chain.headId(), 4097);
    }
    device.publish();
    device.enableKicks();
  }

  private void collect() {
    while (driver.popUsed() == UsedResult.USED) {
      if (driver.usedLength() != 4097) {
        throw new IllegalStateException("used length " + driver.usedLength());
      }
    }
    driver.enableCalls();
  }

  /** Prints the figures. */
  public static void main(String[] arguments) {
    System.out.printf(
        "requests of %d buffers, queue size %d, driver and device on one thread%n",
        SEGMENTS, QUEUE_SIZE);
    for (long features : new long[] {0, RingFeatures.VIRTIO_F_EVENT_IDX}) {
      VirtqueueBench bench = new VirtqueueBench(features);
      for (int batch : new int[] {1, 8, 64}) {
        int batches = 4_000_000 / batch;
        bench.roundTrips(batches, batch);
        bench.roundTripsWithSlots(batches, batch);
        Cost plain = bench.roundTrips(batches, batch);
        Cost slots = bench.roundTripsWithSlots(batches, batch);
        System.out.printf(
            "event_idx %-5s batch %2d: %6.1f ns, %.3f B allocated; with slots %6.1f ns, %.3f B%n",
            features != 0,
            batch,
            plain.nanos(),
            plain.allocatedBytes(),
            slots.nanos(),
            slots.allocatedBytes());
      }
    }
  }
}
