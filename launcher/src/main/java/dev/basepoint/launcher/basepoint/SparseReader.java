package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Reads a sparse file once, skipping its holes and zero pages, and computes its checksum. */
final class SparseReader {
  private static final int CHUNK_BYTES = 1 << 20;

  /** Takes what a file holds, in order. */
  @FunctionalInterface
  interface Sink {
    /**
     * Takes the bytes of {@code data}, which belong at {@code offset} and are valid until return.
     */
    void write(MemorySegment data, long offset) throws IOException;
  }

  private SparseReader() {}

  /** The checksum of {@code file}, of which only pages are read that are not holes. */
  static StoredFile digest(Fd file) throws IOException {
    return read(file, (data, offset) -> {});
  }

  /**
   * Reads {@code file} and passes on every run of pages that are not all zero.
   *
   * @return the checksum of exactly what was passed on
   * @throws IOException if the file shrinks meanwhile
   */
  static StoredFile read(Fd file, Sink sink) throws IOException {
    long sizeBytes = OpenFile.endOffset(file);
    PageDigest digest = new PageDigest();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(CHUNK_BYTES, PageDigest.PAGE_BYTES);
      MemorySegment zeros = arena.allocate(PageDigest.PAGE_BYTES, PageDigest.PAGE_BYTES);
      long position = 0;
      while (position < sizeBytes) {
        long data = OpenFile.nextData(file, position);
        if (data < 0) {
          break;
        }
        position = data / PageDigest.PAGE_BYTES * PageDigest.PAGE_BYTES;
        long end = Math.min(sizeBytes, roundUp(OpenFile.nextHole(file, data)));
        while (position < end) {
          long count = Math.min(CHUNK_BYTES, end - position);
          MemorySegment chunk = buffer.asSlice(0, count);
          readFully(file, chunk, position);
          pages(chunk, zeros, position, digest, sink);
          position += count;
        }
      }
    }
    return digest.finish(sizeBytes);
  }

  private static long roundUp(long offset) {
    return (offset + PageDigest.PAGE_BYTES - 1) / PageDigest.PAGE_BYTES * PageDigest.PAGE_BYTES;
  }

  private static void readFully(Fd file, MemorySegment target, long offset) throws IOException {
    long done = 0;
    while (done < target.byteSize()) {
      long count =
          ErrnoException.check(
              Syscalls.pread(file.number(), target.asSlice(done), offset + done), "read");
      if (count == 0) {
        throw new IOException("the file ended at byte " + (offset + done) + " while it was read");
      }
      done += count;
    }
  }

  private static void pages(
      MemorySegment chunk, MemorySegment zeros, long position, PageDigest digest, Sink sink)
      throws IOException {
    long runStart = -1;
    for (long at = 0; at < chunk.byteSize(); at += PageDigest.PAGE_BYTES) {
      long count = Math.min(PageDigest.PAGE_BYTES, chunk.byteSize() - at);
      boolean zero = MemorySegment.mismatch(chunk, at, at + count, zeros, 0, count) < 0;
      if (!zero) {
        digest.page((position + at) / PageDigest.PAGE_BYTES, chunk, at, count);
        runStart = runStart < 0 ? at : runStart;
      } else if (runStart >= 0) {
        sink.write(chunk.asSlice(runStart, at - runStart), position + runStart);
        runStart = -1;
      }
    }
    if (runStart >= 0) {
      sink.write(chunk.asSlice(runStart), position + runStart);
    }
  }
}
