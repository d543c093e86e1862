package dev.basepoint.ipc.linux;

import java.util.concurrent.atomic.AtomicInteger;

/** An owned file descriptor. Closing is idempotent; use after close throws. */
public final class Fd implements AutoCloseable {
  private static final int F_SETFD = 2;
  static final int F_GETFL = 3;
  private static final int F_SETFL = 4;
  private static final int F_DUPFD_CLOEXEC = 1030;
  private static final int FD_CLOEXEC = 1;
  private static final int O_NONBLOCK = 0x800;

  private final AtomicInteger number;

  private Fd(int number) {
    this.number = new AtomicInteger(number);
  }

  /** Takes ownership of descriptor {@code number}, which the caller must own. */
  public static Fd own(int number) {
    if (number < 0) {
      throw new IllegalArgumentException("not a descriptor: " + number);
    }
    return new Fd(number);
  }

  /** The descriptor's number, still owned by this object. */
  public int number() {
    int value = number.get();
    if (value < 0) {
      throw new IllegalStateException("descriptor is closed");
    }
    return value;
  }

  /** Whether the descriptor has not been closed. */
  public boolean isOpen() {
    return number.get() >= 0;
  }

  /** Gives ownership to the caller; this object is closed without closing the descriptor. */
  public int release() {
    int value = number.getAndSet(-1);
    if (value < 0) {
      throw new IllegalStateException("descriptor is closed");
    }
    return value;
  }

  /** Makes another close-on-exec descriptor of the same open file. */
  public Fd duplicate() throws ErrnoException {
    return own(
        (int)
            ErrnoException.check(
                Libc.syscall(Syscalls.SYS_FCNTL, number(), F_DUPFD_CLOEXEC, 3),
                "fcntl F_DUPFD_CLOEXEC"));
  }

  /** Sets or clears O_NONBLOCK. */
  public void setNonBlocking(boolean nonBlocking) throws ErrnoException {
    long flags =
        ErrnoException.check(
            Libc.syscall(Syscalls.SYS_FCNTL, number(), F_GETFL, 0), "fcntl F_GETFL");
    long wanted = nonBlocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    ErrnoException.check(
        Libc.syscall(Syscalls.SYS_FCNTL, number(), F_SETFL, wanted), "fcntl F_SETFL");
  }

  /** Sets or clears close-on-exec. */
  public void setCloseOnExec(boolean closeOnExec) throws ErrnoException {
    ErrnoException.check(
        Libc.syscall(Syscalls.SYS_FCNTL, number(), F_SETFD, closeOnExec ? FD_CLOEXEC : 0),
        "fcntl F_SETFD");
  }

  @Override
  public void close() {
    int value = number.getAndSet(-1);
    if (value >= 0) {
      Syscalls.close(value);
    }
  }

  @Override
  public String toString() {
    return "fd " + number.get();
  }
}
