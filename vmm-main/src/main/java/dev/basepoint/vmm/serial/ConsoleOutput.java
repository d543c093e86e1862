package dev.basepoint.vmm.serial;

import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.Syscalls;
import dev.basepoint.ipc.loop.EventLoop;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Carries the guest's bytes from a vCPU thread to the console's descriptor, through a bounded
 * buffer. When the reader is slow the buffer fills and the serial port tells the guest to wait: no
 * byte is lost and no vCPU blocks.
 *
 * <p>One thread at a time puts (the serial port's lock sees to that); the I/O thread takes.
 */
public final class ConsoleOutput implements AutoCloseable {
  static final int CAPACITY_BYTES = 64 * 1024;

  /** A driver that saw an empty transmitter may send a whole FIFO without asking again. */
  private static final int HEADROOM_BYTES = Uart16550.FIFO_BYTES;

  /** Room is announced when this much is free, not for every byte. */
  private static final int LOW_WATER_BYTES = CAPACITY_BYTES / 2;

  private final Fd fd;
  private final EventLoop loop;
  private final EventFd kick;
  private final MemorySegment ring = Arena.ofAuto().allocate(CAPACITY_BYTES);
  private final EventLoop.Registration kickRegistration;
  private EventLoop.Registration writable;
  private Runnable onRoom = () -> {};

  /** Bytes ever put; written by the putting side. */
  private volatile long put;

  /** Bytes ever taken; written by the I/O thread. */
  private volatile long taken;

  /** The putting side found no room and must be told when there is some. */
  private volatile boolean starved;

  private volatile long discarded;

  /**
   * Takes ownership of the console's descriptor and makes it non-blocking.
   *
   * @param loop not running yet
   */
  public ConsoleOutput(Fd fd, EventLoop loop) throws ErrnoException {
    this.fd = fd;
    this.loop = loop;
    this.kick = EventFd.create();
    fd.setNonBlocking(true);
    kickRegistration =
        loop.watch(
            kick.fd(),
            Epoll.EPOLLIN,
            events -> {
              kick.drain();
              drain();
            });
  }

  /** Sets who is told, on the I/O thread, that there is room again. */
  void setOnRoom(Runnable onRoom) {
    this.onRoom = onRoom;
  }

  /** Whether a whole FIFO fits; if not, the room listener will be told once it does. */
  boolean hasRoom() {
    if (free() >= HEADROOM_BYTES) {
      return true;
    }
    starved = true;
    // Again, since the I/O thread may have made room before it could see the flag.
    return free() >= HEADROOM_BYTES;
  }

  private long free() {
    return CAPACITY_BYTES - (put - taken);
  }

  /** Takes one byte. A guest that sends without asking for room loses it, as on hardware. */
  void put(byte value) {
    long at = put;
    if (at - taken == CAPACITY_BYTES) {
      return;
    }
    ring.set(ValueLayout.JAVA_BYTE, at % CAPACITY_BYTES, value);
    put = at + 1;
    if (taken == at) {
      // The I/O thread had taken everything, so it may be asleep.
      kick.signal();
    }
  }

  private void drain() {
    long result = writeAll();
    if (result == -Errno.EAGAIN) {
      awaitWritable();
    } else if (result < 0) {
      // Nobody reads the console any more; the guest must not hang for that.
      long end = put;
      long lost = discarded + (end - taken);
      discarded = lost;
      taken = end;
    }
    if (starved && free() >= LOW_WATER_BYTES) {
      starved = false;
      onRoom.run();
    }
  }

  /** Writes until the buffer is empty; 0 or {@code -errno}. */
  private long writeAll() {
    long from = taken;
    while (from < put) {
      long at = from % CAPACITY_BYTES;
      long count = Math.min(put - from, CAPACITY_BYTES - at);
      long result = Syscalls.write(fd.number(), ring, at, count);
      if (result >= 0) {
        from += result;
        taken = from;
      } else if (result != -Errno.EINTR) {
        return result;
      }
    }
    return 0;
  }

  /** Watches only while blocked: a regular file, which epoll refuses, never blocks. */
  private void awaitWritable() {
    if (writable != null) {
      return;
    }
    try {
      writable =
          loop.watch(
              fd,
              Epoll.EPOLLOUT,
              events -> {
                writable.cancel();
                writable = null;
                drain();
              });
    } catch (ErrnoException e) {
      throw new IllegalStateException("the console's output cannot be waited for", e);
    }
  }

  /** Bytes that nobody could be found to read. */
  public long discardedBytes() {
    return discarded;
  }

  /** Bytes the guest has sent. */
  public long totalBytes() {
    return put;
  }

  /**
   * Writes what is left, waiting for the reader if need be. Only after all vCPUs have stopped, on
   * the I/O thread.
   *
   * @return false if the deadline passed first, or nobody reads
   */
  public boolean flush(long deadlineNanos) {
    try {
      while (true) {
        long result = writeAll();
        if (result != -Errno.EAGAIN) {
          return result == 0;
        }
        if (!Poll.await(fd, Poll.POLLOUT, deadlineNanos)) {
          return false;
        }
      }
    } catch (ErrnoException e) {
      return false;
    }
  }

  /** Only after the I/O thread has stopped. */
  @Override
  public void close() {
    kickRegistration.cancel();
    if (writable != null) {
      writable.cancel();
    }
    kick.close();
    fd.close();
  }
}
