package dev.basepoint.ipc.disk;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileStatus;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Reads what a guest sees of a base image and overlays upon it, on the host. The overlays' maps are
 * those of the moment it was opened. Belongs to one thread.
 */
public final class LayeredImage implements AutoCloseable {
  private final Fd base;
  private final List<Overlay> overlays;
  private final LayerChain chain;
  private final long sizeBytes;

  private LayeredImage(Fd base, List<Overlay> overlays, LayerChain chain, long sizeBytes) {
    this.base = base;
    this.overlays = overlays;
    this.chain = chain;
    this.sizeBytes = sizeBytes;
  }

  /**
   * Opens and checks overlays upon a base.
   *
   * @param base the raw image; this and all files stay the caller's
   * @param layers overlay files, bottom to top; none for the base alone
   * @throws IOException if one is no overlay or damaged, or they do not fit together
   */
  public static LayeredImage open(Fd base, List<Fd> layers) throws IOException {
    long sizeBytes = FileStatus.of(base).sizeBytes();
    List<Overlay> overlays = new ArrayList<>();
    try {
      for (Fd layer : layers) {
        overlays.add(Overlay.open(layer));
      }
      LayerChain chain = LayerChain.of(sizeBytes, overlays, false);
      return new LayeredImage(base, List.copyOf(overlays), chain, sizeBytes);
    } catch (IOException | RuntimeException e) {
      overlays.forEach(Overlay::close);
      throw e;
    }
  }

  /** The disk's size. */
  public long sizeBytes() {
    return sizeBytes;
  }

  /**
   * Fills a buffer from {@code offset} on, as far as the disk goes.
   *
   * @param buffer for files opened with O_DIRECT aligned to a page, and so is the offset
   * @return the bytes read, less than the buffer's size only at the disk's end
   */
  public long read(long offset, MemorySegment buffer) throws IOException {
    Objects.checkFromToIndex(0, offset, sizeBytes);
    long byteCount = Math.min(buffer.byteSize(), sizeBytes - offset);
    long done = 0;
    while (done < byteCount) {
      long at = offset + done;
      long cluster = at / ClusterMap.CLUSTER_BYTES;
      long limit = (offset + byteCount - 1) / ClusterMap.CLUSTER_BYTES + 1;
      long found = chain.find(chain.overlayCount(), cluster, limit);
      long end = (cluster + LayerChain.count(found)) * ClusterMap.CLUSTER_BYTES;
      // Whole clusters where the buffer has room: O_DIRECT reads no parts of blocks.
      MemorySegment part = buffer.asSlice(done, Math.min(end - at, buffer.byteSize() - done));
      long wanted = Math.min(part.byteSize(), byteCount - done);
      read(LayerChain.source(found), at, part, wanted);
      done += wanted;
    }
    return byteCount;
  }

  private void read(int source, long offset, MemorySegment part, long wanted) throws IOException {
    switch (source) {
      case LayerChain.ZEROS -> part.fill((byte) 0);
      case LayerChain.BASE -> read(base, offset, part, wanted);
      default -> {
        Overlay overlay = overlays.get(source - 1);
        read(overlay.file(), overlay.dataOffset() + offset, part, wanted);
      }
    }
  }

  private static void read(Fd file, long position, MemorySegment part, long wanted)
      throws IOException {
    long done = 0;
    while (done < wanted) {
      long count = Syscalls.pread(file.number(), part.asSlice(done), position + done);
      if (count == 0) {
        throw new IOException("the image ended at byte " + (position + done));
      }
      if (count != -Errno.EINTR) {
        done += ErrnoException.check(count, "read the image");
      }
    }
  }

  /** Forgets the overlays' maps; the files stay open. */
  @Override
  public void close() {
    overlays.forEach(Overlay::close);
  }
}
