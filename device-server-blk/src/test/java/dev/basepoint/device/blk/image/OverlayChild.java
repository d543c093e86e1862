package dev.basepoint.device.blk.image;

import dev.basepoint.ipc.disk.Overlay;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileStatus;
import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.OpenFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** A process that uses an overlay until it is killed, or until the file system is full. */
final class OverlayChild {
  static final int DISK_BYTES = 4 << 20;

  private OverlayChild() {}

  /** Command line of a child with these arguments. */
  static List<String> command(String... args) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC", "-Xmx64m"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(OverlayChild.class.getName());
    command.addAll(List.of(args));
    return command;
  }

  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "change" -> change(args[1], args[2], Long.parseLong(args[3]));
      case "fill" -> fill(Path.of(args[1]));
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  /** Makes the random changes that follow from {@code seed} and says so after each. */
  private static void change(String base, String overlay, long seed) throws IOException {
    Fd baseFile = OpenFile.open(base, OpenFile.O_RDONLY);
    Fd file = OpenFile.open(overlay, OpenFile.O_RDWR);
    try (OverlayImage image = OverlayImage.open(baseFile, List.of(file), false)) {
      SplittableRandom random = new SplittableRandom(seed);
      while (true) {
        try (Arena arena = Arena.ofConfined()) {
          DiskOperation next = DiskOperation.random(random, DISK_BYTES);
          MemorySegment memory = arena.allocate(DiskOperation.BYTES_MAX + 8192, 4096);
          long result = next.applyTo(image, memory, new int[1]);
          if (result != 0) {
            throw new IOException(next + ": " + Errno.describe((int) -result));
          }
        }
        System.out.write('.');
        System.out.flush();
      }
    }
  }

  /** Writes until the file system is full, several times, and checks what is left. */
  private static void fill(Path directory) throws IOException {
    SplittableRandom random = new SplittableRandom(5);
    byte[] model = new byte[DISK_BYTES];
    Arrays.fill(model, (byte) 9);
    int failures = 0;
    try (Fd base = MemFd.create("base", DISK_BYTES);
        Fd file =
            OpenFile.open(
                directory.resolve("overlay").toString(),
                OpenFile.O_RDWR | OpenFile.O_CREAT | OpenFile.O_EXCL,
                0600);
        RawImage content = RawImage.open(base.duplicate(), false);
        Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(DiskOperation.BYTES_MAX + 8192, 4096);
      for (int i = 0; i < DISK_BYTES; i += DiskOperation.BYTES_MAX) {
        IovecArray data = new IovecArray(1);
        data.add(memory.fill((byte) 9), 0, DiskOperation.BYTES_MAX);
        content.write(i, data, false);
      }
      Overlay.create(file, DISK_BYTES);
      try (OverlayImage image =
          OverlayImage.open(base.duplicate(), List.of(file.duplicate()), false)) {
        failInOnePiece(image, file, memory, model);
        for (int i = 0; i < 2000; i++) {
          DiskOperation next = DiskOperation.random(random, DISK_BYTES);
          int[] done = {0};
          long result = next.applyTo(image, memory, done);
          if (result == 0) {
            next.applyTo(model, next.byteCount());
          } else if (result == -Errno.ENOSPC) {
            failures++;
            recover(image, next, done[0], model);
          } else {
            throw new IOException(next + ": " + Errno.describe((int) -result));
          }
        }
        if (!Arrays.equals(model, LayeredDisk.guestView(image))) {
          throw new IOException("the disk is not what was acknowledged");
        }
      }
      if (!Arrays.equals(model, LayeredDisk.hostView(base, List.of(file)))) {
        throw new IOException("the reopened disk is not what was acknowledged");
      }
    }
    System.out.println("failures " + failures);
  }

  /** Writes twice as much as there is room for: the second half fails and takes no space. */
  private static void failInOnePiece(Image image, Fd file, MemorySegment memory, byte[] model)
      throws IOException {
    int bytes = DiskOperation.BYTES_MAX;
    DiskOperation first = new DiskOperation(DiskOperation.Kind.WRITE, 0, bytes, 1);
    DiskOperation second = new DiskOperation(DiskOperation.Kind.WRITE, bytes, bytes, 2);
    long fits = first.applyTo(image, memory, new int[1]);
    long before = FileStatus.of(file).allocatedBytes();
    long fails = second.applyTo(image, memory, new int[1]);
    long after = FileStatus.of(file).allocatedBytes();
    if (fits != 0 || fails != -Errno.ENOSPC || before != after) {
      throw new IOException(
          "results %d and %d, %d and %d bytes allocated".formatted(fits, fails, before, after));
    }
    first.applyTo(model, bytes);
  }

  /** Only what the failed change covers may be other than before; then room is made. */
  private static void recover(Image image, DiskOperation failed, int done, byte[] model)
      throws IOException {
    byte[] now = LayeredDisk.guestView(image);
    int from = failed.offset();
    int to = from + failed.byteCount();
    if (failed.kind().name().endsWith("WRITE")) {
      failed.applyTo(model, done);
    }
    if (!Arrays.equals(model, 0, from, now, 0, from)
        || !Arrays.equals(model, to, model.length, now, to, now.length)) {
      throw new IOException(failed + " harmed others");
    }
    System.arraycopy(now, from, model, from, to - from);
    long result = image.discard(0, DISK_BYTES / 2);
    if (result != 0) {
      throw new IOException("discard: " + Errno.describe((int) -result));
    }
    Arrays.fill(model, 0, DISK_BYTES / 2, (byte) 0);
  }
}
