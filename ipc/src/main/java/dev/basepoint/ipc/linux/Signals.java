package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A signal whose only effect is to make a blocking system call of one thread return EINTR.
 *
 * <p>The handler must be native code: an upcall into Java from a signal handler would enter the JVM
 * at a point where it cannot be entered. {@code abs} takes an int, touches nothing and so is
 * async-signal-safe.
 */
public final class Signals {
  /** The first real-time signal that neither glibc nor HotSpot uses. */
  public static final int SIG_KICK = 36;

  public static final int SIGKILL = 9;

  static final int SIGCHLD = 17;

  public static final int SIGTERM = 15;
  public static final int SIGCONT = 18;
  public static final int SIGSTOP = 19;

  private Signals() {}

  /** Installs the no-op handler for {@link #SIG_KICK}, without SA_RESTART. */
  public static void installKickHandler() throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      // glibc's struct sigaction: handler, 128-byte mask, flags, restorer.
      MemorySegment action = arena.allocate(152, 8);
      action.set(ValueLayout.JAVA_LONG, 0, Libc.address("abs").address());
      int errno = Libc.call(Libc.handle("sigaction"), SIG_KICK, action.address(), 0, 0, 0, 0);
      if (errno != 0) {
        throw new ErrnoException("sigaction " + SIG_KICK, Errno.EINVAL);
      }
    }
  }
}
