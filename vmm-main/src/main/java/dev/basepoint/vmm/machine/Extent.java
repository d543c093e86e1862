package dev.basepoint.vmm.machine;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import java.util.ArrayList;
import java.util.List;

/** A range of a file, in whole pages. */
record Extent(long offset, long sizeBytes) {
  static final long PAGE_BYTES = 4096;

  private long end() {
    return offset + sizeBytes;
  }

  /**
   * Where a sparse file has data, ascending.
   *
   * @param holeBytesMin shorter holes count as data
   */
  static List<Extent> dataOf(Fd file, long fileBytes, long holeBytesMin) throws ErrnoException {
    List<Extent> extents = new ArrayList<>();
    long start = OpenFile.nextData(file, 0);
    while (start >= 0 && start < fileBytes) {
      long end = Math.min(OpenFile.nextHole(file, start), fileBytes);
      if (!extents.isEmpty() && start - extents.getLast().end() < holeBytesMin) {
        start = extents.removeLast().offset;
      }
      extents.add(new Extent(start, end - start));
      start = end < fileBytes ? OpenFile.nextData(file, end) : -1;
    }
    return extents;
  }
}
