package dev.basepoint.ipc.disk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Pipe;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OverlayTest {
  private static final long DISK_BYTES = (1L << 20) + 512;
  private static final long CLUSTERS = 257;
  private static final long MAP_OFFSET = 4096;
  private static final long DATA_OFFSET = 8192;

  @TempDir Path directory;

  private static Fd newOverlay(long virtualBytes) throws IOException {
    Fd file = MemFd.create("overlay", 0);
    Overlay.create(file, virtualBytes);
    return file;
  }

  private static void put(Fd file, long offset, byte... bytes) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
      assertEquals(
          bytes.length,
          ErrnoException.check(Syscalls.pwrite(file.number(), segment, offset), "write"));
    }
  }

  private static String refusal(Fd file) {
    return assertThrows(IOException.class, () -> Overlay.open(file)).getMessage();
  }

  private static void assertRefused(Fd file, String reason) {
    String message = refusal(file);
    assertTrue(message.contains(reason), message);
  }

  @Test
  void freshOverlayShowsTheBase() throws Exception {
    try (Fd file = newOverlay(DISK_BYTES);
        Overlay overlay = Overlay.open(file)) {
      assertEquals(DISK_BYTES, overlay.virtualBytes());
      assertFalse(overlay.isFrozen());
      assertEquals(DATA_OFFSET, overlay.dataOffset());
      assertEquals(DATA_OFFSET + CLUSTERS * 4096, OpenFile.endOffset(file));
      assertEquals(Overlay.fileBytes(DISK_BYTES), OpenFile.endOffset(file));
      assertEquals(
          CLUSTERS, overlay.clusters().runEnd(0, ClusterMap.ABSENT, CLUSTERS), "all absent");
    }
  }

  @Test
  void sizeOfTheDiskCostsNothing() throws Exception {
    try (Fd file = newOverlay(OverlayHeader.VIRTUAL_BYTES_MAX);
        Overlay overlay = Overlay.open(file)) {
      assertEquals(4096, overlay.allocatedBytes());
    }
  }

  @Test
  void impossibleDisksAndFilesGetNoOverlay() throws Exception {
    for (long bytes : new long[] {0, -512, 1000, Long.MIN_VALUE, (8L << 40) + 512}) {
      try (Fd file = MemFd.create("overlay", 0)) {
        assertThrows(IOException.class, () -> Overlay.create(file, bytes));
        assertEquals(0, OpenFile.endOffset(file));
      }
    }
    try (Fd file = MemFd.create("overlay", 512);
        Pipe pipe = Pipe.create()) {
      assertThrows(IOException.class, () -> Overlay.create(file, 8192));
      assertThrows(IOException.class, () -> Overlay.create(pipe.writeEnd(), 8192));
      assertRefused(pipe.readEnd(), "regular file");
    }
  }

  @Test
  void frozenOverlaysSaySoAfterwards() throws Exception {
    try (Fd file =
        OpenFile.open(directory.toString(), OpenFile.O_TMPFILE | OpenFile.O_RDWR, 0600)) {
      Overlay.create(file, DISK_BYTES);
      try (Overlay overlay = Overlay.open(file)) {
        overlay.freeze();
        assertTrue(overlay.isFrozen());
      }
      try (Overlay overlay = Overlay.open(file)) {
        assertTrue(overlay.isFrozen());
        overlay.freeze();
        LayerChain.of(DISK_BYTES, List.of(overlay), false);
        assertThrows(IOException.class, () -> LayerChain.of(DISK_BYTES, List.of(overlay), true));
      }
    }
  }

  @Test
  void filesOfTheWrongSizeAreRefused() throws Exception {
    try (Fd file = newOverlay(DISK_BYTES)) {
      long size = OpenFile.endOffset(file);
      for (long wrong : new long[] {4096, DATA_OFFSET, size - 1, size + 1, size + 4096}) {
        MemFd.resize(file, wrong);
        assertRefused(file, "truncated or extended");
      }
      for (long wrong : new long[] {0, 1, 4095}) {
        MemFd.resize(file, wrong);
        assertRefused(file, "too short");
      }
    }
  }

  @Test
  void everyDamagedByteOfTheHeaderIsNoticed() throws Exception {
    try (Fd file = newOverlay(DISK_BYTES);
        Arena arena = Arena.ofConfined()) {
      MemorySegment page = arena.allocate(4096);
      Syscalls.pread(file.number(), page, 0);
      for (int at = 0; at < 4096; at++) {
        byte right = page.get(ValueLayout.JAVA_BYTE, at);
        put(file, at, (byte) (right ^ 1 << at % 8));
        String message = refusal(file);
        assertTrue(
            message.contains("damaged")
                || message.contains("version")
                || message.contains("does not start"),
            message);
        put(file, at, right);
      }
      Overlay.open(file).close();
    }
  }

  /** Headers with a right checksum and wrong content, as an attacker would make them. */
  @Test
  void hostileHeadersAreRefused() throws Exception {
    for (long virtualBytes :
        new long[] {0, -1, 511, 513, Long.MAX_VALUE, Long.MIN_VALUE, 1L << 62, -512}) {
      assertForgedIsRefused(page -> page.set(ValueLayout.JAVA_LONG, 16, virtualBytes));
    }
    for (long virtualBytes : new long[] {512, 1L << 30, OverlayHeader.VIRTUAL_BYTES_MAX}) {
      assertForgedIsRefused(page -> page.set(ValueLayout.JAVA_LONG, 16, virtualBytes));
    }
    assertForgedIsRefused(page -> page.set(ValueLayout.JAVA_INT, 8, 2));
    assertForgedIsRefused(page -> page.set(ValueLayout.JAVA_INT, 12, 2));
    assertForgedIsRefused(page -> page.set(ValueLayout.JAVA_INT, 24, 512));
    assertForgedIsRefused(page -> page.set(ValueLayout.JAVA_BYTE, 32, (byte) 1));
    assertForgedIsRefused(page -> page.set(ValueLayout.JAVA_BYTE, 4095, (byte) 1));
  }

  private interface Forger {
    void change(MemorySegment page);
  }

  private static void assertForgedIsRefused(Forger forger) throws IOException {
    try (Fd file = newOverlay(DISK_BYTES);
        Arena arena = Arena.ofConfined()) {
      MemorySegment page = arena.allocate(4096);
      Syscalls.pread(file.number(), page, 0);
      forger.change(page);
      page.set(ValueLayout.JAVA_INT, 28, 0);
      java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
      crc.update(page.asByteBuffer());
      page.set(ValueLayout.JAVA_INT, 28, (int) crc.getValue());
      Syscalls.pwrite(file.number(), page, 0);
      assertFalse(refusal(file).contains("checksum"), "the forgery is good");
    }
  }

  @Test
  void damagedMapsAreRefused() throws Exception {
    try (Fd file = newOverlay(DISK_BYTES)) {
      put(file, MAP_OFFSET + 5, (byte) 0b0011_0000);
      assertRefused(file, "map is damaged near cluster 0");
      put(file, MAP_OFFSET + 5, (byte) 0b0010_0000);
      Overlay.open(file).close();
      // The first cluster beyond the disk, and the last that the map has room for.
      put(file, MAP_OFFSET + CLUSTERS / 4, (byte) 0b0100);
      assertRefused(file, "map is damaged near cluster 256");
      put(file, MAP_OFFSET + CLUSTERS / 4, (byte) 0b0001);
      Overlay.open(file).close();
      put(file, DATA_OFFSET - 1, (byte) 0b0100_0000);
      assertRefused(file, "map is damaged near cluster 257");
    }
  }

  @Test
  void noFileOfRandomBytesIsMoreThanRefused() throws Exception {
    SplittableRandom random = new SplittableRandom();
    byte[] noise = new byte[(int) DATA_OFFSET];
    for (int i = 0; i < 200; i++) {
      try (Fd file = newOverlay(DISK_BYTES)) {
        random.nextBytes(noise);
        put(file, random.nextLong(MAP_OFFSET), noise);
        refusal(file);
      }
    }
  }

  @Test
  void runsAndStagedChangesAreThoseOfAModel() throws Exception {
    SplittableRandom random = new SplittableRandom(11);
    int[] model = new int[(int) CLUSTERS];
    try (Fd file = newOverlay(DISK_BYTES);
        Overlay overlay = Overlay.open(file);
        Arena arena = Arena.ofConfined()) {
      ClusterMap map = overlay.clusters();
      MemorySegment stage = arena.allocate(ClusterMap.STAGE_BYTES, 8);
      for (int i = 0; i < 3000; i++) {
        int first = random.nextInt((int) CLUSTERS);
        int lockEnd = (first / ClusterMap.LOCK_CLUSTERS + 1) * ClusterMap.LOCK_CLUSTERS;
        int end = random.nextInt(first + 1, Math.min(lockEnd, (int) CLUSTERS) + 1);
        int state = random.nextInt(3);
        map.publish(first, stage, map.stage(first, end, state, stage));
        java.util.Arrays.fill(model, first, end, state);
        int from = random.nextInt((int) CLUSTERS);
        int run = from;
        while (run < CLUSTERS && model[run] == model[from]) {
          run++;
        }
        assertEquals(model[from], map.state(from));
        assertEquals(run, map.runEnd(from, model[from], CLUSTERS));
        int data = from;
        while (data < CLUSTERS && model[data] != ClusterMap.DATA) {
          data++;
        }
        assertEquals(data, map.nextData(from, CLUSTERS));
      }
    }
  }
}
