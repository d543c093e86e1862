package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * epoll(7), level-triggered unless asked otherwise. The token given at registration comes back with
 * each event.
 *
 * <pre>
 *   struct epoll_event, packed on x86-64
 *   0          4               12 bytes
 *   +----------+---------------+
 *   | events   | data (token)  |
 *   +----------+---------------+
 * </pre>
 */
public final class Epoll implements AutoCloseable {
  public static final int EPOLLIN = 0x001;
  public static final int EPOLLOUT = 0x004;
  public static final int EPOLLERR = 0x008;
  public static final int EPOLLHUP = 0x010;
  public static final int EPOLLRDHUP = 0x2000;
  public static final int EPOLLET = 1 << 31;

  private static final int EPOLL_CLOEXEC = 0x80000;
  private static final int EPOLL_CTL_ADD = 1;
  private static final int EPOLL_CTL_DEL = 2;
  private static final int EPOLL_CTL_MOD = 3;
  private static final long EVENT_BYTES = 12;
  private static final long DATA_OFFSET = 4;

  private final Fd fd;
  private final int capacity;
  private final MemorySegment events;
  private final MemorySegment control = Arena.ofAuto().allocate(EVENT_BYTES, 8);

  /** Creates an instance that returns at most {@code capacity} events per wait. */
  public Epoll(int capacity) throws ErrnoException {
    this.capacity = capacity;
    this.events = Arena.ofAuto().allocate(EVENT_BYTES * capacity, 8);
    this.fd =
        Fd.own(
            (int)
                ErrnoException.check(
                    Libc.syscall(Syscalls.SYS_EPOLL_CREATE1, EPOLL_CLOEXEC, 0, 0),
                    "epoll_create1"));
  }

  /** Watches {@code target} for {@code events}; each event carries {@code token}. */
  public void add(Fd target, int events, long token) throws ErrnoException {
    control(EPOLL_CTL_ADD, target, events, token);
  }

  /** Changes the events or the token of a watched descriptor. */
  public void modify(Fd target, int events, long token) throws ErrnoException {
    control(EPOLL_CTL_MOD, target, events, token);
  }

  /** Stops watching. */
  public void remove(Fd target) throws ErrnoException {
    control(EPOLL_CTL_DEL, target, 0, 0);
  }

  private synchronized void control(int operation, Fd target, int events, long token)
      throws ErrnoException {
    control.set(ValueLayout.JAVA_INT_UNALIGNED, 0, events);
    control.set(ValueLayout.JAVA_LONG_UNALIGNED, DATA_OFFSET, token);
    ErrnoException.check(
        Libc.syscall(
            Syscalls.SYS_EPOLL_CTL,
            fd.number(),
            operation,
            target.number(),
            control.address(),
            0,
            0),
        "epoll_ctl");
  }

  /**
   * Waits for events.
   *
   * @param timeoutMillis the longest wait; 0 only polls, -1 waits for ever
   * @return how many events are ready, 0 after the timeout or a signal
   */
  public int waitForEvents(int timeoutMillis) throws ErrnoException {
    long ready =
        Libc.syscall(
            Syscalls.SYS_EPOLL_WAIT, fd.number(), events.address(), capacity, timeoutMillis, 0, 0);
    if (ready == -Errno.EINTR) {
      return 0;
    }
    return (int) ErrnoException.check(ready, "epoll_wait");
  }

  /** The event mask of ready event {@code index}. */
  public int readyEvents(int index) {
    return events.get(ValueLayout.JAVA_INT_UNALIGNED, index * EVENT_BYTES);
  }

  /** The token of ready event {@code index}. */
  public long readyToken(int index) {
    return events.get(ValueLayout.JAVA_LONG_UNALIGNED, index * EVENT_BYTES + DATA_OFFSET);
  }

  @Override
  public void close() {
    fd.close();
  }
}
