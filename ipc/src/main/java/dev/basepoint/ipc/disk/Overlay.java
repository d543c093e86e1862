package dev.basepoint.ipc.disk;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileStatus;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A file that holds what was written to a disk since it was made, over a base image and perhaps
 * other overlays, which never change. A named file, an O_TMPFILE or a memfd will do; where the data
 * lies is {@link OverlayHeader}'s.
 *
 * <p>A <em>frozen</em> overlay is complete, durable and never written to again: only such a one may
 * have others above it.
 */
public final class Overlay implements AutoCloseable {
  private final Fd file;
  private final ClusterMap clusters;
  private OverlayHeader header;

  private Overlay(Fd file, OverlayHeader header, ClusterMap clusters) {
    this.file = file;
    this.header = header;
    this.clusters = clusters;
  }

  /**
   * Makes an overlay that shows all of what lies below. Takes the same time and space whatever the
   * disk's size.
   *
   * @param empty a file of size 0, open for reading and writing; stays the caller's
   * @param virtualBytes the base image's size
   * @throws IOException if the file is not empty or cannot hold such an overlay
   */
  public static void create(Fd empty, long virtualBytes) throws IOException {
    String problem = OverlayHeader.whyNoDisk(virtualBytes);
    if (problem != null) {
      throw new IOException("no overlay can be made: " + problem);
    }
    FileStatus status = FileStatus.of(empty);
    if (status.type() != FileStatus.Type.REGULAR || status.sizeBytes() != 0) {
      throw new IOException("an overlay is made in an empty regular file, and this is none");
    }
    OverlayHeader header = new OverlayHeader(virtualBytes, false);
    MemFd.resize(empty, header.fileBytes());
    write(empty, header);
  }

  /** The size of the file of an overlay for a disk of {@code virtualBytes}, most of it holes. */
  public static long fileBytes(long virtualBytes) {
    return new OverlayHeader(virtualBytes, false).fileBytes();
  }

  /**
   * Opens and checks an overlay.
   *
   * @param file stays the caller's, and open while the overlay is used
   * @throws IOException if it is no overlay, or damaged; one sentence says why
   */
  public static Overlay open(Fd file) throws IOException {
    FileStatus status = FileStatus.of(file);
    if (status.type() != FileStatus.Type.REGULAR) {
      throw new IOException("an overlay is a regular file, and this is none");
    }
    if (status.sizeBytes() < OverlayHeader.BYTES) {
      throw new IOException(
          "a file of " + status.sizeBytes() + " bytes is too short for an overlay's header");
    }
    OverlayHeader header = read(file);
    if (status.sizeBytes() != header.fileBytes()) {
      throw new IOException(
          "the overlay of a disk of "
              + header.virtualBytes()
              + " bytes has a file of "
              + status.sizeBytes()
              + " bytes instead of "
              + header.fileBytes()
              + "; it was truncated or extended");
    }
    return new Overlay(file, header, ClusterMap.load(file, header));
  }

  /**
   * Makes everything durable and then forbids writing, for good. Whoever wrote to the overlay has
   * ended or been told to stop.
   */
  public void freeze() throws IOException {
    sync();
    OverlayHeader frozen = new OverlayHeader(header.virtualBytes(), true);
    write(file, frozen);
    sync();
    header = frozen;
  }

  private void sync() throws ErrnoException {
    long result = Syscalls.fdatasync(file.number());
    while (result == -Errno.EINTR) {
      result = Syscalls.fdatasync(file.number());
    }
    ErrnoException.check(result, "fdatasync of an overlay");
  }

  private static OverlayHeader read(Fd file) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment page = arena.allocate(OverlayHeader.BYTES, OverlayHeader.BYTES);
      long count =
          ErrnoException.check(Syscalls.pread(file.number(), page, 0), "read the overlay's header");
      if (count != OverlayHeader.BYTES) {
        throw new IOException("the overlay's header could not be read in full");
      }
      return OverlayHeader.decode(page);
    }
  }

  private static void write(Fd file, OverlayHeader header) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment page = arena.allocate(OverlayHeader.BYTES, OverlayHeader.BYTES);
      header.encode(page);
      long count =
          ErrnoException.check(
              Syscalls.pwrite(file.number(), page, 0), "write the overlay's header");
      if (count != OverlayHeader.BYTES) {
        throw new IOException("the overlay's header could not be written in full");
      }
    }
  }

  /** The disk's size. */
  public long virtualBytes() {
    return header.virtualBytes();
  }

  /** Whether nobody may write to it any more. */
  public boolean isFrozen() {
    return header.frozen();
  }

  /** Where in the file the cluster map starts. */
  public long mapOffset() {
    return header.mapOffset();
  }

  /** Where in the file the disk's byte 0 would be. */
  public long dataOffset() {
    return header.dataOffset();
  }

  /** What it holds of each cluster. */
  public ClusterMap clusters() {
    return clusters;
  }

  /** Storage in use now, holes not counted. */
  public long allocatedBytes() throws IOException {
    return FileStatus.of(file).allocatedBytes();
  }

  Fd file() {
    return file;
  }

  /** Forgets the cluster map; the file stays open. Nobody may be using the overlay. */
  @Override
  public void close() {
    clusters.close();
  }
}
