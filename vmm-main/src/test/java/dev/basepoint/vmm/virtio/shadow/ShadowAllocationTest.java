package dev.basepoint.vmm.virtio.shadow;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.DriverQueue;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.virtqueue.RingFeatures;
import dev.basepoint.ipc.virtqueue.UsedResult;
import dev.basepoint.ipc.window.WindowLayout;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The I/O thread makes no garbage: a request allocates nothing once the code is compiled. */
class ShadowAllocationTest {
  private static final int QUEUE_SIZE = 64;
  private static final int REQUESTS = 200_000;

  @Test
  void allocatesNothingPerRequest() throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      WindowLayout layout = WindowLayout.compute(List.of(QUEUE_SIZE), 1 << 20);
      GuestMemory ram = GuestMemory.ofWindow(arena.allocate(layout.totalBytes(), 4096));
      RingAddresses rings = layout.queues().getFirst();
      DriverQueue guest = new DriverQueue(ram, rings, RingFeatures.VIRTIO_F_EVENT_IDX);
      try (ShadowHarness shadow =
          new ShadowHarness(
              ram,
              rings,
              RingFeatures.VIRTIO_F_EVENT_IDX,
              RingFeatures.VIRTIO_F_EVENT_IDX,
              256,
              new DeviceProfile(2, 1 << 20, 4 << 20, 1, false, true))) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long smallest = Long.MAX_VALUE;
        for (int round = 0; round < 60 && smallest >= REQUESTS / 10; round++) {
          long before = threads.getCurrentThreadAllocatedBytes();
          drive(guest, shadow, layout.slotsOffset());
          smallest = Math.min(smallest, threads.getCurrentThreadAllocatedBytes() - before);
        }
        // Asking for the figure itself may allocate; a request may not.
        assertTrue(smallest < REQUESTS / 10, smallest + " bytes for " + REQUESTS + " requests");
        assertEquals(0, shadow.counter("errors"));
      }
    }
  }

  private static void drive(DriverQueue guest, ShadowHarness shadow, long heapGpa) {
    int completed = 0;
    while (completed < REQUESTS) {
      for (int i = 0; i < 16; i++) {
        guest.begin();
        guest.add(heapGpa + i * 16384L, 16, false);
        guest.add(heapGpa + i * 16384L + 4096, 4096, true);
        guest.add(heapGpa + i * 16384L + 16, 1, true);
        guest.submit();
      }
      guest.publish();
      shadow.settle();
      while (guest.popUsed() == UsedResult.USED) {
        completed++;
      }
      guest.enableCalls();
    }
  }
}
