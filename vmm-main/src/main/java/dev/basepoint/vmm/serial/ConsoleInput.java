package dev.basepoint.vmm.serial;

import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Syscalls;
import dev.basepoint.ipc.loop.EventLoop;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Feeds the serial port from a descriptor, on the I/O thread, as fast as the guest reads: what does
 * not fit into the receiver's FIFO stays in the kernel's buffer.
 */
public final class ConsoleInput implements AutoCloseable {
  private final Fd fd;
  private final Uart16550 uart;
  private final EventLoop loop;
  private final EventFd room;
  private final MemorySegment buffer = Arena.ofAuto().allocate(Uart16550.FIFO_BYTES);
  private final EventLoop.Registration roomRegistration;
  private EventLoop.Registration readable;
  private boolean atEnd;

  /** A regular file or /dev/null: always readable, so epoll refuses it. */
  private final boolean alwaysReadable;

  /**
   * Takes ownership of the descriptor and makes it non-blocking.
   *
   * @param loop not running yet
   */
  public ConsoleInput(Fd fd, Uart16550 uart, EventLoop loop) throws ErrnoException {
    this.fd = fd;
    this.uart = uart;
    this.loop = loop;
    this.room = EventFd.create();
    fd.setNonBlocking(true);
    uart.setReceiverRoom(room::signal);
    roomRegistration =
        loop.watch(
            room.fd(),
            Epoll.EPOLLIN,
            events -> {
              room.drain();
              pump();
            });
    alwaysReadable = !watch();
    if (alwaysReadable) {
      room.signal();
    }
  }

  /** False if the descriptor is of a kind that epoll does not take. */
  private boolean watch() throws ErrnoException {
    try {
      readable = loop.watch(fd, Epoll.EPOLLIN, events -> pump());
      return true;
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EPERM) {
        return false;
      }
      throw e;
    }
  }

  /** Moves bytes until there are none or the receiver is full. */
  private void pump() {
    while (!atEnd) {
      int free = uart.receiverFree();
      if (free == 0) {
        pauseWatching();
        return;
      }
      long count = Syscalls.read(fd.number(), buffer, 0, free);
      if (count == -Errno.EAGAIN) {
        resumeWatching();
        return;
      }
      if (count != -Errno.EINTR) {
        atEnd = count <= 0;
        for (long i = 0; i < count; i++) {
          uart.receive(buffer.get(ValueLayout.JAVA_BYTE, i));
        }
      }
    }
    pauseWatching();
  }

  /** Removed altogether, because a hang-up would be reported for ever otherwise. */
  private void pauseWatching() {
    if (readable != null) {
      readable.cancel();
      readable = null;
    }
  }

  private void resumeWatching() {
    if (readable == null && !alwaysReadable) {
      try {
        watch();
      } catch (ErrnoException e) {
        throw new IllegalStateException("the console's input cannot be waited for", e);
      }
    }
  }

  /** Only after the I/O thread has stopped. */
  @Override
  public void close() {
    pauseWatching();
    roomRegistration.cancel();
    room.close();
    fd.close();
  }
}
