package dev.basepoint.device.blk.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.basepoint.device.blk.image.LayeredDisk.Place;
import dev.basepoint.ipc.linux.IovecArray;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Requests of an overlay allocate nothing, new clusters and parts of them included. */
class OverlayAllocationTest {
  private static final int DISK_BYTES = 1 << 20;
  private static final int ROUNDS = 1_000;

  @TempDir Path directory;

  @ParameterizedTest
  @EnumSource(value = Place.class, names = "TMPFILE_DIRECT", mode = EnumSource.Mode.EXCLUDE)
  void requestsAllocateNothing(Place place) throws Exception {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    assertTrue(threads.isThreadAllocatedMemoryEnabled());
    try (LayeredDisk disk = new LayeredDisk(place, directory, new byte[DISK_BYTES]);
        Arena arena = Arena.ofConfined()) {
      disk.addLayer();
      MemorySegment memory = arena.allocate(65536, 4096);
      IovecArray data = new IovecArray(4);
      try (OverlayImage image = disk.open(false)) {
        // As for the other devices: the smallest object has 16 bytes, and the JIT may be at work.
        long fewest = Long.MAX_VALUE;
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (fewest >= ROUNDS && System.nanoTime() < deadline) {
          long before = threads.getCurrentThreadAllocatedBytes();
          for (int i = 0; i < ROUNDS; i++) {
            go(image, memory, data);
          }
          fewest = Math.min(fewest, threads.getCurrentThreadAllocatedBytes() - before);
        }
        assertTrue(fewest < ROUNDS, fewest + " bytes allocated by " + ROUNDS + " rounds");
      }
    }
  }

  /** New clusters, whole and in parts; old ones; a read over clusters of all kinds; zeros. */
  private static void go(Image image, MemorySegment memory, IovecArray data) {
    write(image, memory, data, 8192, 8192);
    write(image, memory, data, 20480 + 512, 8192);
    write(image, memory, data, 8192 + 1024, 4096);
    data.clear();
    data.add(memory, 0, 1000);
    data.add(memory, 2000, 47128);
    check(image.tryRead(0, data), data);
    check(image.writeZeroes(8192, 512, true), data);
    check(image.discard(4096, 32768), data);
  }

  private static void write(
      Image image, MemorySegment memory, IovecArray data, long offset, long byteCount) {
    data.clear();
    data.add(memory, 0, byteCount);
    check(image.tryWrite(offset, data), data);
  }

  private static void check(long result, IovecArray data) {
    if (result != 0 || data.totalBytes() != 0) {
      assertEquals(0, result);
      assertEquals(0, data.totalBytes());
    }
  }
}
