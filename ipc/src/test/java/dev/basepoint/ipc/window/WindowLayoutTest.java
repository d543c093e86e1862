package dev.basepoint.ipc.window;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;

class WindowLayoutTest {
  @Test
  void everyQueueFitsAndNothingOverlaps() {
    WindowLayout layout = WindowLayout.compute(List.of(1, 256, 32768, 8), 100_000);
    GuestMemory window =
        GuestMemory.ofWindow(Arena.ofAuto().allocate(layout.totalBytes(), WindowLayout.PAGE_BYTES));
    long end = 0;
    for (RingAddresses queue : layout.queues()) {
      assertTrue(queue.refusal(window).isEmpty());
      assertEquals(0, queue.descGpa() % WindowLayout.PAGE_BYTES);
      assertEquals(0, queue.usedGpa() % WindowLayout.PAGE_BYTES);
      assertEquals(0, queue.availGpa() % 64);
      assertTrue(queue.descGpa() >= end);
      assertTrue(queue.availGpa() >= queue.descGpa() + 16L * queue.queueSize());
      assertTrue(queue.usedGpa() >= queue.availGpa() + 2L * queue.queueSize() + 6);
      end = queue.usedGpa() + 8L * queue.queueSize() + 6;
    }
    assertTrue(layout.slotsOffset() >= end);
    assertEquals(0, layout.slotsOffset() % WindowLayout.PAGE_BYTES);
    assertEquals(102_400, layout.slotsBytes());
    assertEquals(layout.slotsOffset() + 102_400, layout.totalBytes());
  }

  @Test
  void impossibleSizesAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> WindowLayout.compute(List.of(3), 4096));
    assertThrows(IllegalArgumentException.class, () -> WindowLayout.compute(List.of(4), 0));
    assertFalse(RingAddresses.isQueueSize(65536));
  }
}
