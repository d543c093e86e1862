package dev.basepoint.vmm.boot;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** A kernel or initrd as the launcher handed it over: tenant input behind a descriptor. */
final class BootFile {
  private final Fd fd;
  private final String what;
  private final long sizeBytes;

  /**
   * @param what "kernel" or "initrd", for messages
   */
  BootFile(Fd fd, String what) throws IOException {
    this.fd = fd;
    this.what = what;
    this.sizeBytes = OpenFile.endOffset(fd);
    if (sizeBytes == 0) {
      throw new BootException("the " + what + " is empty");
    }
  }

  long sizeBytes() {
    return sizeBytes;
  }

  /** Whether the file holds {@code byteCount} bytes at {@code offset}, both unsigned. */
  boolean holds(long offset, long byteCount) {
    return offset >= 0
        && byteCount >= 0
        && byteCount <= sizeBytes
        && offset <= sizeBytes - byteCount;
  }

  /**
   * Fills {@code target} from {@code offset} on. The file may shrink meanwhile: that is an error.
   */
  void read(long offset, MemorySegment target) throws IOException {
    long done = 0;
    while (done < target.byteSize()) {
      long count = Syscalls.pread(fd.number(), target.asSlice(done), offset + done);
      if (count == 0) {
        throw new BootException("the " + what + " ends after " + (offset + done) + " bytes");
      }
      if (count != -Errno.EINTR) {
        done += ErrnoException.check(count, "reading the " + what);
      }
    }
  }
}
