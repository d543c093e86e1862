package dev.basepoint.device.blk.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileStatus;
import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.OpenFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RawImageTest {
  private static final int IMAGE_BYTES = 1 << 20;

  /** Where the image lies and how it is opened. */
  enum Place {
    MEMFD,
    FILE_BUFFERED,
    FILE_DIRECT
  }

  @TempDir Path directory;

  private Fd open(Place place) throws IOException {
    return switch (place) {
      case MEMFD -> MemFd.create("image", IMAGE_BYTES);
      case FILE_BUFFERED -> openFile(OpenFile.O_RDWR);
      case FILE_DIRECT -> openFile(OpenFile.O_RDWR | OpenFile.O_DIRECT);
    };
  }

  private Fd openFile(int flags) throws IOException {
    Path file = directory.resolve("image");
    if (!Files.exists(file)) {
      Files.write(file, new byte[IMAGE_BYTES]);
    }
    try {
      return OpenFile.open(file.toString(), flags);
    } catch (IOException e) {
      return Assumptions.abort("the file system of " + directory + " has no O_DIRECT: " + e);
    }
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  void anyDivisionAndAlignmentOfMemoryGivesTheSameBytes(Place place) throws Exception {
    byte[] model = new byte[IMAGE_BYTES];
    SplittableRandom random = new SplittableRandom(7);
    try (RawImage image = RawImage.open(open(place), false);
        Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(1 << 20, 4096);
      IovecArray data = new IovecArray(16);
      for (int i = 0; i < 500; i++) {
        int bytes = 512 * (1 + random.nextInt(i % 50 == 0 ? 1200 : 40));
        int offset = 512 * random.nextInt((IMAGE_BYTES - bytes) / 512 + 1);
        long at = random.nextInt((int) memory.byteSize() - bytes - 4096);
        at = random.nextBoolean() ? at & -512 : at;
        fill(memory, random);
        divide(data, memory, at, bytes, random);
        if (random.nextBoolean()) {
          MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, at, model, offset, bytes);
          assertEquals(0, image.write(offset, data, random.nextInt(20) == 0));
        } else {
          assertEquals(0, image.read(offset, data));
          byte[] read = new byte[bytes];
          MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, at, read, 0, bytes);
          assertArrayEquals(Arrays.copyOfRange(model, offset, offset + bytes), read);
        }
        assertEquals(0, data.totalBytes());
      }
      assertEquals(0, image.flush());
      assertArrayEquals(model, readAll(image, arena));
    }
  }

  private static void fill(MemorySegment memory, SplittableRandom random) {
    for (int i = 0; i < 64; i++) {
      memory.set(
          ValueLayout.JAVA_LONG_UNALIGNED,
          random.nextLong(memory.byteSize() - Long.BYTES),
          random.nextLong());
    }
  }

  private static void divide(
      IovecArray data, MemorySegment memory, long offset, int bytes, SplittableRandom random) {
    data.clear();
    long at = offset;
    long end = offset + bytes;
    while (at < end) {
      long step = random.nextInt(4) == 0 ? Math.min(end - at, 1 + random.nextInt(5000)) : end - at;
      data.add(memory, at, step);
      at += step;
    }
  }

  private static byte[] readAll(Image image, Arena arena) {
    MemorySegment memory = arena.allocate(IMAGE_BYTES, 4096);
    IovecArray data = new IovecArray(1);
    data.add(memory, 0, IMAGE_BYTES);
    assertEquals(0, image.read(0, data));
    return memory.toArray(ValueLayout.JAVA_BYTE);
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  void zeroedRangesReadAsZerosAndNothingElseDoes(Place place) throws Exception {
    SplittableRandom random = new SplittableRandom(8);
    try (RawImage image = RawImage.open(open(place), false);
        Arena arena = Arena.ofConfined()) {
      byte[] model = new byte[IMAGE_BYTES];
      random.nextBytes(model);
      MemorySegment memory = arena.allocate(IMAGE_BYTES, 4096);
      MemorySegment.copy(model, 0, memory, ValueLayout.JAVA_BYTE, 0, IMAGE_BYTES);
      IovecArray data = new IovecArray(1);
      data.add(memory, 0, IMAGE_BYTES);
      assertEquals(0, image.write(0, data, false));
      for (int i = 0; i < 40; i++) {
        int bytes = 512 * (1 + random.nextInt(i == 0 ? 1500 : 60));
        int offset = 512 * random.nextInt((IMAGE_BYTES - bytes) / 512 + 1);
        Arrays.fill(model, offset, offset + bytes, (byte) 0);
        assertEquals(0, image.writeZeroes(offset, bytes, random.nextBoolean()));
      }
      assertArrayEquals(model, readAll(image, arena));
    }
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  void discardGivesSpaceBackAndZeroingKeepsIt(Place place) throws Exception {
    Fd fd = open(place);
    try (RawImage image = RawImage.open(fd, false);
        Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(IMAGE_BYTES, 4096).fill((byte) 1);
      IovecArray data = new IovecArray(1);
      data.add(memory, 0, IMAGE_BYTES);
      assertEquals(0, image.write(0, data, true));
      assertEquals(0, image.writeZeroes(0, IMAGE_BYTES / 2, false));
      assertEquals(0, image.flush());
      long allocated = FileStatus.of(fd).allocatedBytes();
      assertTrue(allocated >= IMAGE_BYTES, allocated + " bytes allocated");
      Assumptions.assumeTrue(image.traits().discard(), "the file system cannot punch holes");
      assertEquals(0, image.discard(0, IMAGE_BYTES / 2));
      assertEquals(0, image.flush());
      long left = FileStatus.of(fd).allocatedBytes();
      assertTrue(left < IMAGE_BYTES, left + " bytes allocated after the discard");
      assertEquals(IMAGE_BYTES, FileStatus.of(fd).sizeBytes());
    }
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  void probingLeavesTheImageAsItWas(Place place) throws Exception {
    Fd fd = open(place);
    FileStatus before = FileStatus.of(fd);
    try (RawImage image = RawImage.open(fd, false)) {
      FileStatus after = FileStatus.of(fd);
      assertEquals(before, after);
      assertEquals(IMAGE_BYTES, image.traits().sizeBytes());
    }
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  void truncatedImageIsAnErrorAndTheRestIsLeft(Place place) throws Exception {
    Fd fd = open(place);
    try (RawImage image = RawImage.open(fd, false);
        Arena arena = Arena.ofConfined()) {
      MemFd.resize(fd, 8192);
      MemorySegment memory = arena.allocate(16384, 4096).fill((byte) 3);
      IovecArray data = new IovecArray(2);
      data.add(memory, 0, 16384);
      assertEquals(-Errno.ENODATA, image.read(0, data));
      assertEquals(8192, data.totalBytes());
      assertEquals(0, memory.get(ValueLayout.JAVA_BYTE, 8191));
      if (place != Place.FILE_DIRECT) {
        // O_DIRECT may have zeroed the bytes past the end.
        assertEquals(3, memory.get(ValueLayout.JAVA_BYTE, 8192));
      }
      data.clear();
      data.add(memory, 1, 512);
      assertEquals(-Errno.ENODATA, image.read(IMAGE_BYTES - 512, data));
      assertEquals(512, data.totalBytes());
    }
  }

  @Test
  void tryReadNeverWaitsAndLosesNothing() throws Exception {
    try (RawImage image = RawImage.open(openFile(OpenFile.O_RDWR), false);
        Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(8192, 4096).fill((byte) 3);
      IovecArray data = new IovecArray(1);
      data.add(memory, 0, 8192);
      long result = image.tryRead(4096, data);
      if (result == Image.WOULD_WAIT) {
        result = image.read(4096 + 8192 - data.totalBytes(), data);
      }
      assertEquals(0, result);
      assertEquals(0, data.totalBytes());
      assertEquals(0, memory.get(ValueLayout.JAVA_BYTE, 8191));
    }
  }

  @Test
  void whatCannotBeADiskIsRefused() throws Exception {
    try (Fd device = OpenFile.open("/dev/zero", OpenFile.O_RDWR)) {
      assertRefused(device, false, "neither a regular file nor a block device");
    }
    try (Fd odd = MemFd.create("odd", 1000)) {
      assertRefused(odd, false, "multiple of 512");
    }
    try (Fd empty = MemFd.create("empty", 0)) {
      assertRefused(empty, false, "multiple of 512");
    }
    openFile(OpenFile.O_RDWR).close();
    try (Fd appending = openFile(OpenFile.O_RDWR | OpenFile.O_APPEND)) {
      assertRefused(appending, false, "appending");
    }
    try (Fd readable = openFile(OpenFile.O_RDONLY)) {
      assertRefused(readable, false, "not opened for writing");
      RawImage image = RawImage.open(readable, true);
      assertTrue(image.traits().readOnly());
      assertFalse(image.traits().discard());
    }
  }

  private static void assertRefused(Fd fd, boolean readOnly, String reason) {
    IOException refused = assertThrows(IOException.class, () -> RawImage.open(fd, readOnly));
    assertTrue(refused.getMessage().contains(reason), refused.getMessage());
    assertTrue(fd.isOpen(), "a refused image still belongs to the caller");
  }
}
