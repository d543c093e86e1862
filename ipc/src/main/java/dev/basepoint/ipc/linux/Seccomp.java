package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/** seccomp(2): filters on the system calls of this process. */
public final class Seccomp {
  private static final int SYS_PRCTL = 157;
  private static final int SYS_SECCOMP = 317;
  private static final int PR_SET_NO_NEW_PRIVS = 38;
  private static final int SECCOMP_SET_MODE_FILTER = 1;
  private static final int SECCOMP_GET_ACTION_AVAIL = 2;
  private static final int SECCOMP_FILTER_FLAG_TSYNC = 1;
  private static final int SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3;
  private static final int SECCOMP_FILTER_FLAG_TSYNC_ESRCH = 1 << 4;
  private static final int SECCOMP_RET_USER_NOTIF = 0x7fc0_0000;
  private static final int SOCK_FILTER_BYTES = 8;
  private static final int BPF_MAXINSNS = 4096;

  private Seccomp() {}

  /** Whether the kernel has filters and can notify a listener of held calls. */
  public static boolean available() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment action = arena.allocate(ValueLayout.JAVA_INT);
      action.set(ValueLayout.JAVA_INT, 0, SECCOMP_RET_USER_NOTIF);
      return Libc.syscall(SYS_SECCOMP, SECCOMP_GET_ACTION_AVAIL, 0, action.address()) == 0;
    }
  }

  /**
   * Installs a filter on every thread of this process, present and future, for good.
   *
   * @param program an array of {@code struct sock_filter}
   * @param listener whether the program holds calls for a listener, who is then returned
   * @throws ErrnoException if the kernel refuses the program, or ESRCH if a thread could not follow
   */
  public static Optional<Fd> install(byte[] program, boolean listener) throws ErrnoException {
    int count = program.length / SOCK_FILTER_BYTES;
    if (program.length % SOCK_FILTER_BYTES != 0 || count == 0 || count > BPF_MAXINSNS) {
      throw new IllegalArgumentException("a filter of " + program.length + " bytes");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment code = arena.allocate(program.length, 8);
      MemorySegment.copy(program, 0, code, ValueLayout.JAVA_BYTE, 0, program.length);
      // struct sock_fprog: u16 len, pointer at 8
      MemorySegment fprog = arena.allocate(16, 8);
      fprog.set(ValueLayout.JAVA_SHORT, 0, (short) count);
      fprog.set(ValueLayout.JAVA_LONG, 8, code.address());
      ErrnoException.check(
          Libc.syscall(SYS_PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0), "prctl PR_SET_NO_NEW_PRIVS");
      int flags = SECCOMP_FILTER_FLAG_TSYNC;
      if (listener) {
        flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
      }
      long result =
          ErrnoException.check(
              Libc.syscall(SYS_SECCOMP, SECCOMP_SET_MODE_FILTER, flags, fprog.address()),
              "seccomp");
      if (listener) {
        return Optional.of(Fd.own((int) result));
      }
      if (result > 0) {
        throw new ErrnoException("seccomp could not bind thread " + result, Errno.ESRCH);
      }
      return Optional.empty();
    }
  }
}
