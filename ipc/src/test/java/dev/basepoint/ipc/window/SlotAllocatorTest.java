package dev.basepoint.ipc.window;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SlotAllocatorTest {
  private static final int PAGE = SlotAllocator.PAGE_BYTES;
  private static final int GRANULE = SlotAllocator.GRANULE_BYTES;
  private static final long BASE = 5L * PAGE;

  private record Slot(long offset, long byteCount) {}

  static LongStream seeds() {
    return LongStream.of(0x5eed, System.nanoTime());
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void slotsNeverOverlapAndNoneIsLost(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (int pages : new int[] {1, 2, 63, 64, 65, 200}) {
      SlotAllocator allocator = new SlotAllocator(BASE, (long) pages * PAGE);
      BitSet model = new BitSet(pages * PAGE / GRANULE);
      List<Slot> held = new ArrayList<>();
      for (int step = 0; step < 50_000; step++) {
        String where = "seed " + seed + "L, " + pages + " pages, step " + step;
        // Drifts between full and empty.
        boolean grow = random.nextInt(100) < (step / 2000 % 2 == 0 ? 60 : 40);
        if (grow || held.isEmpty()) {
          take(allocator, model, held, random, where);
        } else {
          Slot slot = held.remove(random.nextInt(held.size()));
          allocator.free(slot.offset, slot.byteCount);
          model.clear(from(slot), to(slot));
        }
        assertEquals((long) model.cardinality() * GRANULE, allocator.allocatedBytes(), where);
      }
      for (Slot slot : held) {
        allocator.free(slot.offset, slot.byteCount);
      }
      assertEquals(0, allocator.allocatedBytes());
      assertEquals(BASE, allocator.allocate((long) pages * PAGE, PAGE), "all is one piece again");
    }
  }

  private static void take(
      SlotAllocator allocator,
      BitSet model,
      List<Slot> held,
      SplittableRandom random,
      String where) {
    long byteCount =
        switch (random.nextInt(4)) {
          case 0 -> 1 + random.nextInt(64);
          case 1 -> 1 + random.nextInt(2048);
          case 2 -> PAGE * (1L + random.nextInt(4));
          default -> 1 + random.nextInt(8 * PAGE);
        };
    int alignment = GRANULE << random.nextInt(7);
    long offset = allocator.allocate(byteCount, alignment);
    if (offset < 0) {
      assertEquals(-1, offset, where);
      assertTrue(byteCount > SlotAllocator.MAX_PIECE_BYTES || noFreePage(model, allocator), where);
      return;
    }
    Slot slot = new Slot(offset, byteCount);
    assertEquals(0, offset % alignment, where);
    if (byteCount > SlotAllocator.MAX_PIECE_BYTES) {
      assertEquals(0, offset % PAGE, where);
    }
    assertTrue(offset >= BASE && to(slot) <= allocator.sizeBytes() / GRANULE, where);
    assertTrue(model.get(from(slot), to(slot)).isEmpty(), where);
    model.set(from(slot), to(slot));
    held.add(slot);
  }

  private static boolean noFreePage(BitSet model, SlotAllocator allocator) {
    int perPage = PAGE / GRANULE;
    for (int page = 0; page < allocator.sizeBytes() / PAGE; page++) {
      if (model.get(page * perPage, (page + 1) * perPage).isEmpty()) {
        return false;
      }
    }
    return true;
  }

  private static int from(Slot slot) {
    return (int) ((slot.offset - BASE) / GRANULE);
  }

  private static int to(Slot slot) {
    long unit = slot.byteCount > SlotAllocator.MAX_PIECE_BYTES ? PAGE : GRANULE;
    return from(slot) + (int) ((slot.byteCount + unit - 1) / unit * (unit / GRANULE));
  }

  @Test
  void aFullAreaAnswersMinusOneUntilSomethingIsFreed() {
    SlotAllocator allocator = new SlotAllocator(BASE, 4L * PAGE);
    long first = allocator.allocate(2L * PAGE, PAGE);
    long second = allocator.allocate(PAGE, PAGE);
    assertEquals(-1, allocator.allocate(2L * PAGE, PAGE));
    assertEquals(BASE + 3L * PAGE, allocator.allocate(1, GRANULE));
    assertEquals(-1, allocator.allocate(PAGE, PAGE));
    allocator.free(second, PAGE);
    assertEquals(second, allocator.allocate(PAGE, PAGE));
    allocator.free(first, 2L * PAGE);
    assertEquals(first, allocator.allocate(2L * PAGE, PAGE));
  }

  @Test
  void whatIsNotAllocatedCannotBeFreed() {
    SlotAllocator allocator = new SlotAllocator(BASE, 4L * PAGE);
    long extent = allocator.allocate(PAGE, PAGE);
    long piece = allocator.allocate(100, GRANULE);
    assertThrows(IllegalArgumentException.class, () -> allocator.free(BASE - PAGE, PAGE));
    assertThrows(IllegalArgumentException.class, () -> allocator.free(extent + 64, PAGE));
    assertThrows(IllegalArgumentException.class, () -> allocator.free(extent, 64));
    assertThrows(IllegalArgumentException.class, () -> allocator.free(extent, 2L * PAGE));
    assertThrows(IllegalArgumentException.class, () -> allocator.free(extent, 5L * PAGE));
    assertThrows(IllegalArgumentException.class, () -> allocator.free(piece, PAGE));
    assertThrows(IllegalArgumentException.class, () -> allocator.free(piece + 1, 64));
    assertThrows(IllegalArgumentException.class, () -> allocator.free(piece, 300));
    assertThrows(IllegalArgumentException.class, () -> allocator.free(piece, 0));
    allocator.free(piece, 100);
    assertThrows(IllegalArgumentException.class, () -> allocator.free(piece, 100));
    allocator.free(extent, PAGE);
    assertThrows(IllegalArgumentException.class, () -> allocator.free(extent, PAGE));
    assertEquals(0, allocator.allocatedBytes());
  }

  @Test
  void impossibleRequestsAreTheCallersMistake() {
    SlotAllocator allocator = new SlotAllocator(BASE, PAGE);
    assertThrows(IllegalArgumentException.class, () -> allocator.allocate(0, GRANULE));
    assertThrows(IllegalArgumentException.class, () -> allocator.allocate(1, 32));
    assertThrows(IllegalArgumentException.class, () -> allocator.allocate(1, 96));
    assertThrows(IllegalArgumentException.class, () -> allocator.allocate(1, 8192));
    assertThrows(IllegalArgumentException.class, () -> new SlotAllocator(BASE, PAGE + 1));
    assertThrows(IllegalArgumentException.class, () -> new SlotAllocator(1, PAGE));
    assertEquals(-1, allocator.allocate(Long.MAX_VALUE, PAGE));
  }
}
