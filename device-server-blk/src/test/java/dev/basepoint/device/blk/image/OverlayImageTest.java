package dev.basepoint.device.blk.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.device.blk.image.ImageTraits.Waiting;
import dev.basepoint.device.blk.image.LayeredDisk.Place;
import dev.basepoint.ipc.disk.Overlay;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileStatus;
import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.linux.MemFd;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class OverlayImageTest {
  private static final int DISK_BYTES = 3 << 20;

  /** The last cluster is cut. */
  private static final int ODD_DISK_BYTES = DISK_BYTES + 3 * 512;

  private static final int OPERATIONS_PER_LAYER = 300;

  @TempDir Path directory;

  private final long seed = System.nanoTime();
  private final SplittableRandom random = new SplittableRandom(seed);

  private byte[] randomDisk(Place place) {
    byte[] model = new byte[place == Place.TMPFILE_DIRECT ? DISK_BYTES : ODD_DISK_BYTES];
    random.nextBytes(model);
    return model;
  }

  private static void apply(DiskOperation operation, Image image, Arena arena, byte[] model) {
    MemorySegment memory = arena.allocate(DiskOperation.BYTES_MAX + 8192, 4096);
    assertEquals(0, operation.applyTo(image, memory, new int[1]), operation.toString());
    operation.applyTo(model, operation.byteCount());
  }

  private void change(Image image, byte[] model, int operations) {
    for (int i = 0; i < operations; i++) {
      try (Arena arena = Arena.ofConfined()) {
        DiskOperation operation = DiskOperation.random(random, model.length);
        apply(operation, image, arena, model);
        readSomewhere(image, arena, model);
      }
    }
  }

  private void readSomewhere(Image image, Arena arena, byte[] model) {
    DiskOperation place = DiskOperation.random(random, model.length);
    int bytes = place.byteCount();
    MemorySegment memory = arena.allocate(bytes, 4096).fill((byte) 0x55);
    IovecArray data = new IovecArray(2);
    data.add(memory, 0, bytes);
    long result = image.tryRead(place.offset(), data);
    if (result == Image.WOULD_WAIT) {
      result = image.read(place.offset() + bytes - data.totalBytes(), data);
    }
    assertEquals(0, result);
    byte[] expected = new byte[bytes];
    System.arraycopy(model, place.offset(), expected, 0, bytes);
    assertArrayEquals(expected, memory.toArray(ValueLayout.JAVA_BYTE), place.toString());
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  void anyLayersShowWhatOneDiskWould(Place place) throws Exception {
    byte[] model = randomDisk(place);
    byte[] baseBefore = model.clone();
    List<byte[]> frozenFiles = new ArrayList<>();
    try (LayeredDisk disk = new LayeredDisk(place, directory, model)) {
      for (int layer = 0; layer < 4; layer++) {
        disk.addLayer();
        for (int reopened = 0; reopened < 2; reopened++) {
          try (OverlayImage image = disk.open(false)) {
            change(image, model, OPERATIONS_PER_LAYER / 2);
            assertArrayEquals(model, LayeredDisk.guestView(image), "seed " + seed);
          }
          assertArrayEquals(model, LayeredDisk.hostView(disk.base, disk.layers), "seed " + seed);
        }
        try (Overlay overlay = Overlay.open(disk.layers.getLast())) {
          overlay.freeze();
        }
        frozenFiles.add(LayeredDisk.contents(disk.layers.getLast()));
      }
      try (OverlayImage image = disk.open(true)) {
        assertArrayEquals(model, LayeredDisk.guestView(image));
      }
      assertArrayEquals(baseBefore, LayeredDisk.contents(disk.base), "the base has changed");
      for (int i = 0; i < frozenFiles.size(); i++) {
        assertArrayEquals(
            frozenFiles.get(i),
            LayeredDisk.contents(disk.layers.get(i)),
            "frozen overlay " + i + " has changed");
      }
    }
  }

  @Test
  void siblingsDoNotSeeEachOther() throws Exception {
    byte[] content = randomDisk(Place.MEMFD);
    try (LayeredDisk disk = new LayeredDisk(Place.MEMFD, directory, content)) {
      disk.addLayer();
      try (OverlayImage image = disk.open(false)) {
        change(image, content, 100);
      }
      try (Overlay overlay = Overlay.open(disk.layers.getFirst())) {
        overlay.freeze();
      }
      List<OverlayImage> siblings = new ArrayList<>();
      List<byte[]> models = new ArrayList<>();
      List<Fd> files = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        Fd file = disk.newOverlay();
        files.add(file);
        siblings.add(disk.open(List.of(disk.layers.getFirst(), file), false));
        models.add(content.clone());
      }
      for (int i = 0; i < 800; i++) {
        int one = random.nextInt(siblings.size());
        change(siblings.get(one), models.get(one), 1);
      }
      for (int i = 0; i < siblings.size(); i++) {
        assertArrayEquals(models.get(i), LayeredDisk.guestView(siblings.get(i)), "seed " + seed);
        siblings.get(i).close();
        files.get(i).close();
      }
      assertArrayEquals(content, LayeredDisk.hostView(disk.base, disk.layers));
    }
  }

  /** Threads that change different sectors of the same clusters at the same time. */
  @ParameterizedTest
  @EnumSource(Place.class)
  void threadsThatShareClustersLoseNothing(Place place) throws Exception {
    int threads = 4;
    byte[] model = randomDisk(place);
    try (LayeredDisk disk = new LayeredDisk(place, directory, model)) {
      disk.addLayer();
      AtomicReference<Throwable> failure = new AtomicReference<>();
      try (OverlayImage image = disk.open(false)) {
        List<Thread> running = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
          int mine = i;
          SplittableRandom own = random.split();
          running.add(
              Thread.ofPlatform()
                  .uncaughtExceptionHandler((_, thrown) -> failure.set(thrown))
                  .start(() -> changeSectors(image, model, own, mine, threads)));
        }
        for (Thread thread : running) {
          thread.join();
        }
        assertNull(failure.get());
        assertArrayEquals(model, LayeredDisk.guestView(image), "seed " + seed);
      }
      assertArrayEquals(model, LayeredDisk.hostView(disk.base, disk.layers));
    }
  }

  private static void changeSectors(
      Image image, byte[] model, SplittableRandom random, int mine, int threads) {
    int clusters = model.length / 4096;
    for (int i = 0; i < 3000; i++) {
      // Two of a cluster's eight sectors belong to each thread.
      int sector = random.nextInt(clusters) * 8 + mine * 8 / threads + random.nextInt(2);
      DiskOperation.Kind[] kinds = DiskOperation.Kind.values();
      DiskOperation operation =
          new DiskOperation(
              kinds[random.nextInt(kinds.length - 1)], sector * 512, 512, random.nextLong());
      try (Arena arena = Arena.ofConfined()) {
        apply(operation, image, arena, model);
      }
    }
  }

  @Test
  void discardGivesSpaceBackAndZeroingKeepsIt() throws Exception {
    byte[] model = randomDisk(Place.MEMFD);
    try (LayeredDisk disk = new LayeredDisk(Place.MEMFD, directory, model);
        Arena arena = Arena.ofConfined()) {
      Fd top = disk.addLayer();
      try (OverlayImage image = disk.open(false)) {
        assertTrue(image.traits().discard());
        long before = FileStatus.of(top).allocatedBytes();
        DiskOperation write =
            new DiskOperation(DiskOperation.Kind.WRITE, 0, DiskOperation.BYTES_MAX, 1);
        apply(write, image, arena, model);
        long full = FileStatus.of(top).allocatedBytes();
        assertTrue(full >= before + DiskOperation.BYTES_MAX, full + " bytes allocated");
        assertEquals(0, image.writeZeroes(0, DiskOperation.BYTES_MAX, false));
        assertEquals(full, FileStatus.of(top).allocatedBytes());
        assertEquals(0, image.discard(0, DiskOperation.BYTES_MAX));
        // The page of the map stays.
        assertEquals(before + 4096, FileStatus.of(top).allocatedBytes());
        java.util.Arrays.fill(model, 0, DiskOperation.BYTES_MAX, (byte) 0);
        assertArrayEquals(model, LayeredDisk.guestView(image));
      }
    }
  }

  @Test
  void aDiskOfATebibyteCostsWhatIsWritten() throws Exception {
    long size = 1L << 40;
    try (Fd base = MemFd.create("base", size);
        Fd file = MemFd.create("overlay", 0);
        Arena arena = Arena.ofConfined()) {
      Overlay.create(file, size);
      assertTrue(FileStatus.of(file).allocatedBytes() <= 4096, "only the header is stored");
      OverlayImage image = OverlayImage.open(base.duplicate(), List.of(file.duplicate()), false);
      assertEquals(size, image.traits().sizeBytes());
      MemorySegment memory = arena.allocate(4096, 4096).fill((byte) 7);
      for (long at = 0; at < size; at += size / 16) {
        IovecArray data = new IovecArray(1);
        data.add(memory, 0, 512);
        assertEquals(0, image.write(at + size / 16 - 512, data, false));
      }
      image.close();
      long allocated = FileStatus.of(file).allocatedBytes();
      assertTrue(allocated <= 4096 + 16 * 2 * 4096, allocated + " bytes allocated");
      try (OverlayImage again =
          OverlayImage.open(base.duplicate(), List.of(file.duplicate()), false)) {
        IovecArray data = new IovecArray(1);
        data.add(memory.fill((byte) 0), 0, 1024);
        assertEquals(0, again.read(size - 1024, data));
        assertEquals(0, memory.get(ValueLayout.JAVA_BYTE, 511));
        assertEquals(7, memory.get(ValueLayout.JAVA_BYTE, 512));
      }
    }
  }

  @Test
  void waitingIsThatOfTheLayersTogether() throws Exception {
    byte[] content = new byte[DISK_BYTES];
    try (LayeredDisk memory = new LayeredDisk(Place.MEMFD, directory, content);
        LayeredDisk mixed = new LayeredDisk(Place.MIXED, directory, content)) {
      memory.addLayer();
      mixed.addLayer();
      try (OverlayImage image = memory.open(false)) {
        assertEquals(Waiting.NEVER, image.traits().readsWait());
        assertEquals(Waiting.NEVER, image.traits().writesWait());
      }
      try (OverlayImage image = mixed.open(false)) {
        assertEquals(Waiting.SELDOM, image.traits().readsWait());
        assertEquals(Waiting.SELDOM, image.traits().writesWait());
      }
      try (OverlayImage image = mixed.open(true)) {
        assertTrue(image.traits().readOnly());
      }
    }
  }

  @Test
  void layersThatDoNotFitAreRefusedAndStayTheCallers() throws Exception {
    byte[] content = new byte[DISK_BYTES];
    try (LayeredDisk disk = new LayeredDisk(Place.MEMFD, directory, content);
        Fd other = MemFd.create("other", 0)) {
      disk.addLayer();
      disk.addLayer();
      assertRefused(disk, disk.layers, "overlay 1 of 2 has others above it but is not frozen");
      try (Overlay overlay = Overlay.open(disk.layers.getFirst())) {
        overlay.freeze();
      }
      assertRefused(disk, List.of(disk.layers.getFirst()), "is frozen and cannot be written to");
      Overlay.create(other, 8192);
      assertRefused(disk, List.of(disk.layers.getFirst(), other), "belongs to a disk of 8192");
      MemFd.resize(other, 8192);
      assertRefused(disk, List.of(other), "truncated or extended");
      disk.open(false).close();
    }
  }

  private static void assertRefused(LayeredDisk disk, List<Fd> layers, String reason) {
    IOException refused =
        assertThrows(IOException.class, () -> OverlayImage.open(disk.base, layers, false));
    assertTrue(refused.getMessage().contains(reason), refused.getMessage());
    assertTrue(disk.base.isOpen() && layers.stream().allMatch(Fd::isOpen));
  }

  @Test
  void truncatedUnderneathIsAnErrorAndNothingWorse() throws Exception {
    byte[] model = randomDisk(Place.MEMFD);
    try (LayeredDisk disk = new LayeredDisk(Place.MEMFD, directory, model);
        Arena arena = Arena.ofConfined()) {
      Fd top = disk.addLayer();
      try (OverlayImage image = disk.open(false)) {
        apply(new DiskOperation(DiskOperation.Kind.WRITE, 8192, 8192, 3), image, arena, model);
        MemFd.resize(top, 4096);
        IovecArray data = new IovecArray(1);
        data.add(arena.allocate(16384, 4096), 0, 16384);
        assertEquals(-Errno.ENODATA, image.read(4096, data));
        assertEquals(12288, data.totalBytes());
        MemFd.resize(disk.base, 4096);
        assertEquals(-Errno.ENODATA, image.tryWrite(1 << 20, prefix(arena)));
      }
    }
  }

  private static IovecArray prefix(Arena arena) {
    IovecArray data = new IovecArray(1);
    data.add(arena.allocate(512, 512), 0, 512);
    return data;
  }
}
