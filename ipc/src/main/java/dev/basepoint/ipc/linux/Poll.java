package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** poll(2) on one descriptor, for control-path code that waits with a deadline. */
public final class Poll {
  public static final short POLLIN = 0x001;
  public static final short POLLOUT = 0x004;

  private static final int SYS_POLL = 7;

  private Poll() {}

  /**
   * Waits until {@code fd} is ready for one of {@code events}, hung up, or the deadline has passed.
   *
   * @param deadlineNanos a {@link System#nanoTime()} value
   * @return false if the deadline passed first
   */
  public static boolean await(Fd fd, short events, long deadlineNanos) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pollfd = arena.allocate(8, 8);
      while (true) {
        long leftNanos = deadlineNanos - System.nanoTime();
        long leftMillis = leftNanos <= 0 ? 0 : Math.min((leftNanos + 999_999) / 1_000_000, 60_000);
        pollfd.set(ValueLayout.JAVA_INT, 0, fd.number());
        pollfd.set(ValueLayout.JAVA_SHORT, 4, events);
        pollfd.set(ValueLayout.JAVA_SHORT, 6, (short) 0);
        long ready = Libc.syscall(SYS_POLL, pollfd.address(), 1, leftMillis);
        if (ready > 0) {
          return true;
        }
        if (ready != -Errno.EINTR) {
          ErrnoException.check(ready, "poll");
        }
        if (leftNanos <= 0) {
          return false;
        }
      }
    }
  }
}
