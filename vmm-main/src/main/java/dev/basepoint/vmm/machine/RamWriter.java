package dev.basepoint.vmm.machine;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Syscalls;
import java.lang.foreign.MemorySegment;

/** Writes RAM to a sparse file, pages of zeros left out, in calls of bounded length. */
final class RamWriter {
  private static final long CALL_BYTES_MAX = 1 << 20;
  private static final MemorySegment ZEROS =
      MemorySegment.ofArray(new long[(int) (Extent.PAGE_BYTES / Long.BYTES)]);

  private final MemorySegment ram;
  private final Fd target;
  private long bytesWritten;

  RamWriter(MemorySegment ram, Fd target) {
    this.ram = ram;
    this.target = target;
  }

  long bytesWritten() {
    return bytesWritten;
  }

  void write(Extent extent) throws ErrnoException {
    long end = extent.offset() + extent.sizeBytes();
    long runStart = extent.offset();
    for (long page = extent.offset(); page < end; page += Extent.PAGE_BYTES) {
      if (isZero(page)) {
        writeRun(runStart, page);
        runStart = page + Extent.PAGE_BYTES;
      } else if (page + Extent.PAGE_BYTES - runStart == CALL_BYTES_MAX) {
        writeRun(runStart, page + Extent.PAGE_BYTES);
        runStart = page + Extent.PAGE_BYTES;
      }
    }
    writeRun(runStart, end);
  }

  private boolean isZero(long page) {
    return MemorySegment.mismatch(ram, page, page + Extent.PAGE_BYTES, ZEROS, 0, Extent.PAGE_BYTES)
        < 0;
  }

  private void writeRun(long start, long end) throws ErrnoException {
    long at = start;
    while (at < end) {
      long result = Syscalls.pwrite(target.number(), ram.asSlice(at, end - at), at);
      if (result != -Errno.EINTR) {
        at += ErrnoException.check(result, "writing the guest's RAM");
      }
    }
    bytesWritten += end - start;
  }
}
