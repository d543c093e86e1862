package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A non-blocking monotonic timerfd for event loops. */
public final class TimerFd implements AutoCloseable {
  private static final int CLOCK_MONOTONIC = 1;
  private static final int TFD_NONBLOCK = 0x800;
  private static final int TFD_CLOEXEC = 0x80000;
  private static final long NANOS_PER_SECOND = 1_000_000_000L;

  private final Fd fd;

  /** struct itimerspec: interval seconds and nanoseconds, first expiry seconds and nanoseconds. */
  private final MemorySegment itimerspec = Arena.ofAuto().allocate(32, 8);

  private final MemorySegment expirations = Arena.ofAuto().allocate(8, 8);

  /** Creates a disarmed timer. */
  public TimerFd() throws ErrnoException {
    fd =
        Fd.own(
            (int)
                ErrnoException.check(
                    Libc.syscall(
                        Syscalls.SYS_TIMERFD_CREATE,
                        CLOCK_MONOTONIC,
                        TFD_NONBLOCK | TFD_CLOEXEC,
                        0),
                    "timerfd_create"));
  }

  /** Fires once after {@code delayNanos}, or never again if 0. */
  public void arm(long delayNanos) {
    arm(delayNanos, 0);
  }

  /** Fires after {@code delayNanos} and then every {@code intervalNanos}, if that is not 0. */
  public void arm(long delayNanos, long intervalNanos) {
    itimerspec.set(ValueLayout.JAVA_LONG, 0, intervalNanos / NANOS_PER_SECOND);
    itimerspec.set(ValueLayout.JAVA_LONG, 8, intervalNanos % NANOS_PER_SECOND);
    itimerspec.set(ValueLayout.JAVA_LONG, 16, delayNanos / NANOS_PER_SECOND);
    itimerspec.set(ValueLayout.JAVA_LONG, 24, delayNanos % NANOS_PER_SECOND);
    Libc.syscall(Syscalls.SYS_TIMERFD_SETTIME, fd.number(), 0, itimerspec.address(), 0, 0, 0);
  }

  /** Takes the expirations since the last call. */
  public long drain() {
    return Syscalls.read(fd.number(), expirations) == 8
        ? expirations.get(ValueLayout.JAVA_LONG, 0)
        : 0;
  }

  /** The timer's descriptor. */
  public Fd fd() {
    return fd;
  }

  @Override
  public void close() {
    fd.close();
  }
}
