package dev.basepoint.ipc.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

class GuestMemoryTest {
  private static final long HIGH = 4L << 30;

  private final MemorySegment low = Arena.ofAuto().allocate(0x2000);
  private final MemorySegment high = Arena.ofAuto().allocate(0x1000);
  private final GuestMemory memory =
      new GuestMemory(
          List.of(new MemoryRegion(HIGH, 0x1000, high), new MemoryRegion(0, 0x2000, low)));

  @Test
  void rangesMustLieWhollyInOneRegion() {
    assertEquals(0, memory.regionOf(0, 0x2000));
    assertEquals(1, memory.regionOf(HIGH, 0x1000));
    assertTrue(memory.contains(0x1fff, 1));
    assertFalse(memory.contains(0x1fff, 2));
    assertFalse(memory.contains(0x2000, 0));
    assertFalse(memory.contains(0x2000, 1));
    assertFalse(memory.contains(HIGH - 1, 1));
    assertFalse(memory.contains(HIGH + 1, 0x1000));
  }

  @Test
  void noArithmeticOverflows() {
    assertFalse(memory.contains(-1, 1));
    assertFalse(memory.contains(-1, 2));
    assertFalse(memory.contains(0, -1));
    assertFalse(memory.contains(0, Long.MIN_VALUE));
    assertFalse(memory.contains(1, Long.MAX_VALUE));
    assertFalse(memory.contains(Long.MIN_VALUE, Long.MAX_VALUE));
    assertFalse(memory.contains(HIGH, Long.MAX_VALUE));
  }

  @Test
  void adjacentRegionsAreNotJoined() {
    GuestMemory adjacent =
        new GuestMemory(
            List.of(new MemoryRegion(0, 0x2000, low), new MemoryRegion(0x2000, 0x1000, high)));
    assertFalse(adjacent.contains(0x1fff, 2));
    assertTrue(adjacent.contains(0x2000, 1));
  }

  @Test
  void scalarsAreLittleEndianAndRefusedOutside() {
    assertTrue(memory.writeU64(HIGH + 3, 0x8877665544332211L));
    assertEquals(0x11, high.get(ValueLayout.JAVA_BYTE, 3));
    assertEquals(0x88, memory.readU8(HIGH + 10));
    assertEquals(0x8877, memory.readU16(HIGH + 9));
    assertEquals(0x88776655L, memory.readU32(HIGH + 7));
    assertTrue(memory.writeU32(0, -1));
    assertTrue(memory.writeU16(1, 0x1234));
    assertTrue(memory.writeU8(3, 0x7f));
    assertEquals(0x7f1234ffL, memory.readU32(0));

    assertEquals(-1, memory.readU8(0x2000));
    assertEquals(-1, memory.readU16(0x1fff));
    assertEquals(-1, memory.readU32(0x1ffd));
    assertFalse(memory.writeU8(0x2000, 1));
    assertFalse(memory.writeU16(0x1fff, 1));
    assertFalse(memory.writeU32(0x1ffd, 1));
    assertFalse(memory.writeU64(0x1ff9, 1));
    assertEquals(0, memory.readU32(0x1ffc));
  }

  @Test
  void copiesAreAllOrNothing() {
    MemorySegment buffer = MemorySegment.ofArray(new byte[] {0, 1, 2, 3});
    assertTrue(memory.copyTo(0x1ffd, buffer, 1, 3));
    assertFalse(memory.copyTo(0x1ffe, buffer, 0, 3));
    assertEquals(1, memory.readU8(0x1ffd));
    assertEquals(3, memory.readU8(0x1fff));
    MemorySegment back = MemorySegment.ofArray(new byte[3]);
    assertTrue(memory.copyFrom(0x1ffd, back, 0, 3));
    assertEquals(-1, back.mismatch(buffer.asSlice(1)));
    assertFalse(memory.copyFrom(0x1ffe, back, 0, 3));
  }

  @Test
  void aValidatedRangeIsFoundAsSegmentAndOffset() {
    int region = memory.regionOf(HIGH + 0x10, 0x20);
    assertEquals(high.address(), memory.segment(region).address());
    assertEquals(0x10, memory.offset(region, HIGH + 0x10));
    assertEquals(2, memory.regionCount());
    assertEquals(HIGH, memory.baseGpa(region));
    assertEquals(0x1000, memory.sizeBytes(region));
  }

  @Test
  void impossibleRegionsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new GuestMemory(List.of()));
    assertThrows(IllegalArgumentException.class, () -> new MemoryRegion(0, 0x1001, high));
    assertThrows(IllegalArgumentException.class, () -> new MemoryRegion(0, 0, high));
    assertThrows(IllegalArgumentException.class, () -> new MemoryRegion(-0x800, 0x1000, high));
    assertThrows(
        IllegalArgumentException.class,
        () -> new MemoryRegion(0, 16, MemorySegment.ofArray(new byte[16])));
    MemoryRegion first = new MemoryRegion(0, 0x2000, low);
    MemoryRegion second = new MemoryRegion(0x1fff, 0x1000, high);
    assertThrows(IllegalArgumentException.class, () -> new GuestMemory(List.of(first, second)));
  }
}
