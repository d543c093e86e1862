package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Open-file-description locks (fcntl(2) F_OFD_SETLK): held by every process that has the same open
 * file, so handing the descriptor to a child hands over the lock, and the kernel drops it when the
 * last of them ends.
 *
 * <pre>
 *   struct flock
 *   0      2        8         16       24     28   32 bytes
 *   +------+--------+---------+--------+------+----+
 *   | type | whence | start   | len    | pid  |    |
 *   +------+--------+---------+--------+------+----+
 * </pre>
 */
public final class FileLock {
  private static final int F_OFD_SETLK = 37;
  private static final short F_RDLCK = 0;
  private static final short F_WRLCK = 1;

  private FileLock() {}

  /**
   * Locks the whole file, shared or exclusively, without waiting.
   *
   * @return false if somebody else holds a lock that excludes this one
   */
  public static boolean tryLock(Fd fd, boolean exclusive) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment flock = arena.allocate(32, 8);
      flock.set(ValueLayout.JAVA_SHORT, 0, exclusive ? F_WRLCK : F_RDLCK);
      long result = Libc.syscall(Syscalls.SYS_FCNTL, fd.number(), F_OFD_SETLK, flock.address());
      if (result == -Errno.EAGAIN || result == -Errno.EACCES) {
        return false;
      }
      ErrnoException.check(result, "fcntl F_OFD_SETLK");
      return true;
    }
  }
}
