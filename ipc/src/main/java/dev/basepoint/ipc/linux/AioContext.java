package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Linux native AIO (io_submit(2)): reads and writes of O_DIRECT files that complete later.
 * Preferred to io_uring since a sandbox can see and limit what it does: these are four system calls
 * that carry out nothing but transfers.
 *
 * <pre>
 *   struct iocb (linux/aio_abi.h)
 *   0      8      12         16       18      20     24     32      40      48     56      60     64
 *   +------+------+----------+--------+-------+------+------+-------+-------+------+-------+-----+
 *   | data | key  | rw_flags | opcode | prio  | fd   | buf  | bytes | offset| -    | flags |resfd|
 *   +------+------+----------+--------+-------+------+------+-------+-------+------+-------+-----+
 *
 *   struct io_event
 *   0      8      16     24      32 bytes
 *   +------+------+------+-------+
 *   | data | iocb | res  | res2  |
 *   +------+------+------+-------+
 * </pre>
 *
 * Belongs to one thread. Nothing allocates after construction.
 */
public final class AioContext implements AutoCloseable {
  private static final short IOCB_CMD_PREADV = 7;
  private static final short IOCB_CMD_PWRITEV = 8;
  private static final int IOCB_FLAG_RESFD = 1;

  private static final long IOCB_DATA = 0;
  private static final long IOCB_RW_FLAGS = 12;
  private static final long IOCB_OPCODE = 16;
  private static final long IOCB_FD = 20;
  private static final long IOCB_BUF = 24;
  private static final long IOCB_NBYTES = 32;
  private static final long IOCB_OFFSET = 40;
  private static final long IOCB_FLAGS = 56;
  private static final long IOCB_RESFD = 60;
  private static final long IOCB_BYTES = 64;

  private static final long EVENT_DATA = 0;
  private static final long EVENT_RES = 16;
  private static final long EVENT_BYTES = 32;

  private final int depth;
  private final long context;
  private final EventFd event;
  private final MemorySegment iocbs;
  private final MemorySegment pointers;
  private final MemorySegment events;
  private final MemorySegment noTime = Arena.ofAuto().allocate(16, 8);
  private int prepared;
  private int started;

  /**
   * Makes a context.
   *
   * @param depth most transfers prepared at a time, and most events taken at a time
   * @throws ErrnoException EAGAIN if the system has no room for it (fs.aio-max-nr)
   */
  public AioContext(int depth) throws ErrnoException {
    this.depth = depth;
    iocbs = Arena.ofAuto().allocate(depth * IOCB_BYTES, 8);
    pointers = Arena.ofAuto().allocate((long) depth * Long.BYTES, 8);
    for (int i = 0; i < depth; i++) {
      pointers.set(ValueLayout.JAVA_LONG, (long) i * Long.BYTES, iocbs.address() + i * IOCB_BYTES);
    }
    events = Arena.ofAuto().allocate(depth * EVENT_BYTES, 8);
    event = EventFd.create();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment handle = arena.allocate(ValueLayout.JAVA_LONG);
      long result = Libc.syscall(Syscalls.SYS_IO_SETUP, depth, handle.address(), 0);
      if (result < 0) {
        event.close();
      }
      ErrnoException.check(result, "io_setup " + depth);
      context = handle.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  /** Readable when {@link #takeEvents} has something; level-triggered, reset by it. */
  public Fd fd() {
    return event.fd();
  }

  /** Whether {@link #prepare} has room. */
  public boolean hasRoom() {
    return prepared < depth;
  }

  /**
   * Prepares a transfer for the next {@link #submit}. The iovecs may be reused after that, the
   * memory only after the event.
   *
   * @param flags RWF_ constants
   * @param data comes back with the event
   */
  public void prepare(
      int fd, boolean write, IovecArray iovecs, long fileOffset, int flags, long data) {
    long at = java.util.Objects.checkIndex(prepared, depth) * IOCB_BYTES;
    iocbs.set(ValueLayout.JAVA_LONG, at + IOCB_DATA, data);
    iocbs.set(ValueLayout.JAVA_INT, at + IOCB_RW_FLAGS, flags);
    iocbs.set(ValueLayout.JAVA_SHORT, at + IOCB_OPCODE, write ? IOCB_CMD_PWRITEV : IOCB_CMD_PREADV);
    iocbs.set(ValueLayout.JAVA_INT, at + IOCB_FD, fd);
    iocbs.set(ValueLayout.JAVA_LONG, at + IOCB_BUF, iovecs.address());
    iocbs.set(ValueLayout.JAVA_LONG, at + IOCB_NBYTES, iovecs.count());
    iocbs.set(ValueLayout.JAVA_LONG, at + IOCB_OFFSET, fileOffset);
    iocbs.set(ValueLayout.JAVA_INT, at + IOCB_FLAGS, IOCB_FLAG_RESFD);
    iocbs.set(ValueLayout.JAVA_INT, at + IOCB_RESFD, event.fd().number());
    prepared++;
  }

  /** Whether {@link #submit} has something to start. */
  public boolean hasPrepared() {
    return started < prepared;
  }

  /**
   * Starts prepared transfers with one system call, as many as it takes.
   *
   * @return 0 if all were started; otherwise {@code -errno} of the one that {@link #refused} names,
   *     which is dropped; call again for the rest
   */
  public long submit() {
    while (started < prepared) {
      long result =
          Libc.syscall(
              Syscalls.SYS_IO_SUBMIT,
              context,
              prepared - started,
              pointers.address() + (long) started * Long.BYTES);
      if (result > 0) {
        started += (int) result;
      } else if (result != -Errno.EINTR) {
        started++;
        return result == 0 ? -Errno.EAGAIN : result;
      }
    }
    prepared = 0;
    started = 0;
    return 0;
  }

  /** The data of the transfer that {@link #submit} could not start. */
  public long refused() {
    return iocbs.get(ValueLayout.JAVA_LONG, (started - 1) * IOCB_BYTES + IOCB_DATA);
  }

  /** Takes the completions that are there; returns how many, at most the depth. */
  public int takeEvents() {
    event.drain();
    long count =
        Libc.syscall(
            Syscalls.SYS_IO_GETEVENTS, context, 0, depth, events.address(), noTime.address(), 0);
    return (int) Math.max(0, count);
  }

  /** The data of a taken event. */
  public long eventData(int index) {
    return events.get(ValueLayout.JAVA_LONG, index * EVENT_BYTES + EVENT_DATA);
  }

  /** The bytes transferred, or {@code -errno}. */
  public long eventResult(int index) {
    return events.get(ValueLayout.JAVA_LONG, index * EVENT_BYTES + EVENT_RES);
  }

  /** Waits for what is in flight and frees the context. */
  @Override
  public void close() {
    Libc.syscall(Syscalls.SYS_IO_DESTROY, context, 0, 0);
    event.close();
  }
}
