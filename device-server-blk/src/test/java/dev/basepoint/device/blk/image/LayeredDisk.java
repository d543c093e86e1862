package dev.basepoint.device.blk.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.basepoint.ipc.disk.LayeredImage;
import dev.basepoint.ipc.disk.Overlay;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/** A base image and overlays in the making. */
final class LayeredDisk implements AutoCloseable {
  /** Where its files lie and how they are opened. */
  enum Place {
    MEMFD,
    TMPFILE_BUFFERED,
    TMPFILE_DIRECT,
    /** The base on a disk, the overlays in memory. */
    MIXED
  }

  private final Place place;
  private final Path directory;
  final Fd base;
  final List<Fd> layers = new ArrayList<>();
  private final long sizeBytes;

  LayeredDisk(Place place, Path directory, byte[] content) throws IOException {
    this.place = place;
    this.directory = directory;
    sizeBytes = content.length;
    base = newFile(false);
    MemFd.resize(base, content.length);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(content.length, 4096);
      MemorySegment.copy(content, 0, bytes, ValueLayout.JAVA_BYTE, 0, content.length);
      ErrnoException.check(Syscalls.pwrite(base.number(), bytes, 0), "write the base");
    }
  }

  private Fd newFile(boolean overlay) throws IOException {
    if (place == Place.MEMFD || (place == Place.MIXED && overlay)) {
      return MemFd.create("layer", 0);
    }
    int direct = place == Place.TMPFILE_DIRECT ? OpenFile.O_DIRECT : 0;
    try {
      return OpenFile.open(
          directory.toString(), OpenFile.O_TMPFILE | OpenFile.O_RDWR | direct, 0600);
    } catch (ErrnoException e) {
      return Assumptions.abort("no such files in " + directory + ": " + e);
    }
  }

  /** Puts another overlay on top; returns it. */
  Fd addLayer() throws IOException {
    Fd layer = newOverlay();
    layers.add(layer);
    return layer;
  }

  /** Makes an overlay that is not part of the disk. */
  Fd newOverlay() throws IOException {
    Fd layer = newFile(true);
    Overlay.create(layer, sizeBytes);
    return layer;
  }

  OverlayImage open(boolean readOnly) throws IOException {
    return open(layers, readOnly);
  }

  /** Opens with duplicates, since an image closes its files. */
  OverlayImage open(List<Fd> chosen, boolean readOnly) throws IOException {
    List<Fd> duplicates = new ArrayList<>();
    for (Fd layer : chosen) {
      duplicates.add(layer.duplicate());
    }
    return OverlayImage.open(base.duplicate(), duplicates, readOnly);
  }

  /** Everything the layers show, as the host reads it. */
  static byte[] hostView(Fd base, List<Fd> layers) throws IOException {
    try (LayeredImage image = LayeredImage.open(base, layers);
        Arena arena = Arena.ofConfined()) {
      byte[] all = new byte[(int) image.sizeBytes()];
      MemorySegment step = arena.allocate(40 << 10, 4096);
      int at = 0;
      while (at < all.length) {
        int count = (int) image.read(at, step);
        MemorySegment.copy(step, ValueLayout.JAVA_BYTE, 0, all, at, count);
        at += count;
      }
      return all;
    }
  }

  /** Everything an image shows, as the guest reads it. */
  static byte[] guestView(Image image) {
    try (Arena arena = Arena.ofConfined()) {
      int size = (int) image.traits().sizeBytes();
      MemorySegment bytes = arena.allocate(size, 4096).fill((byte) 0x55);
      IovecArray data = new IovecArray(2);
      data.add(bytes, 0, 1000);
      data.add(bytes, 1000, size - 1000);
      long result = image.tryRead(0, data);
      if (result == Image.WOULD_WAIT) {
        result = image.read(size - data.totalBytes(), data);
      }
      assertArrayEquals(new long[] {0, 0}, new long[] {result, data.totalBytes()});
      return bytes.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  /** A file's bytes. */
  static byte[] contents(Fd file) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      long size = OpenFile.endOffset(file);
      MemorySegment bytes = arena.allocate(size + 4096, 4096);
      long count = ErrnoException.check(Syscalls.pread(file.number(), bytes, 0), "read");
      return bytes.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE);
    }
  }

  @Override
  public void close() {
    base.close();
    layers.forEach(Fd::close);
  }
}
