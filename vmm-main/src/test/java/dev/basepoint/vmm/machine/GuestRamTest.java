package dev.basepoint.vmm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileStatus;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.memory.GuestMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** RAM that is saved, and mapped copy-on-write by several machines. */
final class GuestRamTest {
  private static final long RAM_BYTES = 64L << 20;
  private static final long PAGE_BYTES = 4096;
  private static final int SEALS = MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW;

  /** Numbers in a tenth of the pages, in clusters and alone, the last page among them. */
  private static void fill(GuestMemory memory) {
    Random random = new Random(7);
    for (int i = 0; i < 40; i++) {
      long page = random.nextLong(RAM_BYTES / PAGE_BYTES - 40);
      for (int k = random.nextInt(40); k >= 0; k--) {
        assertTrue(memory.writeU64((page + k) * PAGE_BYTES + random.nextInt(4000), i + 1));
      }
    }
    assertTrue(memory.writeU8(RAM_BYTES - 1, 0x77));
  }

  private static void assertSame(GuestMemory expected, GuestMemory actual) {
    assertEquals(-1, expected.segment(0).mismatch(actual.segment(0)));
  }

  private static long nonZeroBytes(GuestMemory memory) {
    MemorySegment zeros = MemorySegment.ofArray(new byte[(int) PAGE_BYTES]);
    long bytes = 0;
    for (long gpa = 0; gpa < RAM_BYTES; gpa += PAGE_BYTES) {
      if (memory.segment(0).asSlice(gpa, PAGE_BYTES).mismatch(zeros) >= 0) {
        bytes += PAGE_BYTES;
      }
    }
    return bytes;
  }

  private static Fd saved(GuestRam ram) throws IOException {
    Fd file = MemFd.create("saved", RAM_BYTES);
    assertEquals(nonZeroBytes(ram.memory()), ram.saveTo(file));
    MemFd.seal(file, SEALS);
    return file;
  }

  private static GuestRam copyOf(Fd template) throws IOException {
    GuestRam ram = GuestRam.reserved(RAM_BYTES);
    ram.mapCopyOf(template);
    return ram;
  }

  @Test
  void copiesAreEqualAndIndependentAndCostTheTemplateNothing() throws Exception {
    try (GuestRam original = GuestRam.zeroed("original", RAM_BYTES)) {
      fill(original.memory());
      try (Fd template = saved(original);
          GuestRam one = copyOf(template);
          GuestRam two = copyOf(template)) {
        long allocated = FileStatus.of(template).allocatedBytes();
        assertSame(original.memory(), one.memory());
        for (long gpa = 0; gpa < RAM_BYTES; gpa += 3 * PAGE_BYTES) {
          one.memory().writeU64(gpa, gpa | 1);
        }
        assertSame(original.memory(), two.memory());
        // Holes too short for a mapping of their own may have been looked into.
        long looked = FileStatus.of(template).allocatedBytes() - allocated;
        assertTrue(looked < RAM_BYTES / 8, "looking cost the template " + looked + " bytes");

        try (Fd again = saved(one);
            GuestRam three = copyOf(again)) {
          assertSame(one.memory(), three.memory());
        }
      }
    }
  }
}
