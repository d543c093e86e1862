package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A non-blocking eventfd(2). Never blocking: a peer that stops reading its call eventfd must not be
 * able to wedge the writer, and a saturated counter carries the same news as one more.
 */
public final class EventFd implements AutoCloseable {
  private static final int EFD_NONBLOCK = 0x800;
  private static final int EFD_CLOEXEC = 0x80000;

  private static final MemorySegment ONE = one();
  private static final ThreadLocal<MemorySegment> SCRATCH =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(ValueLayout.JAVA_LONG));

  private final Fd fd;

  private EventFd(Fd fd) {
    this.fd = fd;
  }

  private static MemorySegment one() {
    MemorySegment segment = Arena.global().allocate(ValueLayout.JAVA_LONG);
    segment.set(ValueLayout.JAVA_LONG, 0, 1L);
    return segment;
  }

  /** Creates one with counter 0. */
  public static EventFd create() throws ErrnoException {
    return new EventFd(
        Fd.own(
            (int)
                ErrnoException.check(
                    Libc.syscall(Syscalls.SYS_EVENTFD2, 0, EFD_NONBLOCK | EFD_CLOEXEC, 0),
                    "eventfd2")));
  }

  /**
   * Takes ownership of a descriptor received from a peer and makes it non-blocking.
   *
   * @throws ErrnoException if the descriptor refuses fcntl
   */
  public static EventFd own(Fd fd) throws ErrnoException {
    fd.setNonBlocking(true);
    return new EventFd(fd);
  }

  /** Adds one to the counter; a saturated counter (EAGAIN) is as good. */
  public void signal() {
    Syscalls.write(fd.number(), ONE);
  }

  /** Adds one to the counter of a peer's eventfd, which must be non-blocking already. */
  public static void signal(Fd fd) {
    Syscalls.write(fd.number(), ONE);
  }

  /** Resets the counter; returns what it was, 0 if nothing was pending. */
  public long drain() {
    MemorySegment value = SCRATCH.get();
    return Syscalls.read(fd.number(), value) == Long.BYTES
        ? value.get(ValueLayout.JAVA_LONG, 0)
        : 0;
  }

  /** The underlying descriptor. */
  public Fd fd() {
    return fd;
  }

  @Override
  public void close() {
    fd.close();
  }
}
