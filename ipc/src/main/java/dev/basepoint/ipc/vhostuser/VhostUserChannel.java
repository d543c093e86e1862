package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.UnixSocket;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Whole messages over a stream socket. One thread receives; sending takes a lock, so that any may.
 * Peers write a message in as many pieces as they like.
 */
public final class VhostUserChannel implements AutoCloseable {
  private final UnixSocket socket;
  private final Duration patience;
  private final MemorySegment incoming =
      Arena.ofAuto()
          .allocate(VhostUserFrame.HEADER_BYTES + VhostUserFrame.PAYLOAD_BYTES_MAX, Long.BYTES);
  private final MemorySegment outgoing = Arena.ofAuto().allocate(incoming.byteSize(), Long.BYTES);

  /**
   * Takes over a connected socket.
   *
   * @param patience how long the peer may take for the rest of a message that it has begun, and to
   *     make room for one of ours
   */
  public VhostUserChannel(UnixSocket socket, Duration patience) {
    this.socket = socket;
    this.patience = patience;
  }

  /**
   * Waits for the next message.
   *
   * @param deadlineNanos when to give up, a {@link System#nanoTime()} value
   * @return the message, or null if the peer has closed the connection
   * @throws VhostUserException if a message is too large, has too many descriptors or is never
   *     finished
   * @throws IOException if none begins before the deadline
   */
  public VhostUserFrame receive(long deadlineNanos) throws IOException {
    List<Fd> fds = new ArrayList<>();
    boolean received = false;
    try {
      if (!Poll.await(socket.fd(), Poll.POLLIN, deadlineNanos)) {
        throw new IOException("no message came in time");
      }
      long end = System.nanoTime() + patience.toNanos();
      if (!fill(0, VhostUserFrame.HEADER_BYTES, fds, end)) {
        return null;
      }
      int request = incoming.get(ValueLayout.JAVA_INT, 0);
      int flags = incoming.get(ValueLayout.JAVA_INT, Integer.BYTES);
      int size = incoming.get(ValueLayout.JAVA_INT, 2 * Integer.BYTES);
      if (size < 0 || size > VhostUserFrame.PAYLOAD_BYTES_MAX) {
        throw new VhostUserException("a message of " + Integer.toUnsignedString(size) + " bytes");
      }
      if (size > 0 && !fill(VhostUserFrame.HEADER_BYTES, size, fds, end)) {
        return null;
      }
      byte[] payload =
          incoming.asSlice(VhostUserFrame.HEADER_BYTES, size).toArray(ValueLayout.JAVA_BYTE);
      received = true;
      return new VhostUserFrame(request, flags, payload, List.copyOf(fds));
    } finally {
      if (!received) {
        fds.forEach(Fd::close);
      }
    }
  }

  /** Reads exactly {@code byteCount} bytes; false at the end of the stream. */
  private boolean fill(long offset, long byteCount, List<Fd> fds, long deadlineNanos)
      throws IOException {
    long done = 0;
    while (done < byteCount) {
      long count = socket.receive(incoming, offset + done, byteCount - done, fds);
      if (fds.size() > VhostUserFrame.FDS_MAX || count == -Errno.E2BIG) {
        throw new VhostUserException("a message with too many descriptors");
      }
      if (count > 0) {
        done += count;
      } else if (count == 0 || count == -Errno.ECONNRESET) {
        return false;
      } else if (count == -Errno.EAGAIN) {
        if (!Poll.await(socket.fd(), Poll.POLLIN, deadlineNanos)) {
          throw new VhostUserException("a message that was not finished within " + patience);
        }
      } else if (count != -Errno.EINTR) {
        throw new ErrnoException("recvmsg", (int) -count);
      }
    }
    return true;
  }

  /**
   * Sends a message; its descriptors stay the caller's.
   *
   * @throws IOException if the peer is gone or does not take it in time
   */
  public void send(VhostUserFrame frame) throws IOException {
    synchronized (outgoing) {
      long size = write(frame);
      long deadlineNanos = System.nanoTime() + patience.toNanos();
      long done = 0;
      while (done < size) {
        long count = socket.send(outgoing, done, size - done, done == 0 ? frame.fds() : List.of());
        if (count > 0) {
          done += count;
        } else if (count == -Errno.EAGAIN) {
          if (!Poll.await(socket.fd(), Poll.POLLOUT, deadlineNanos)) {
            throw new IOException("the peer took no message within " + patience);
          }
        } else if (count != -Errno.EINTR) {
          throw new ErrnoException("sendmsg", (int) -count);
        }
      }
    }
  }

  /** Sends a message without descriptors if there is room for all of it at once. */
  boolean trySend(VhostUserFrame frame) {
    synchronized (outgoing) {
      long size = write(frame);
      return socket.fd().isOpen() && socket.send(outgoing, 0, size, List.of()) == size;
    }
  }

  private long write(VhostUserFrame frame) {
    outgoing.set(ValueLayout.JAVA_INT, 0, frame.request());
    outgoing.set(ValueLayout.JAVA_INT, Integer.BYTES, frame.flags());
    outgoing.set(ValueLayout.JAVA_INT, 2 * Integer.BYTES, frame.payload().length);
    MemorySegment.copy(
        frame.payload(),
        0,
        outgoing,
        ValueLayout.JAVA_BYTE,
        VhostUserFrame.HEADER_BYTES,
        frame.payload().length);
    return VhostUserFrame.HEADER_BYTES + (long) frame.payload().length;
  }

  /** When a wait that may last as long as the peer likes is to be looked at again. */
  static long someDay() {
    return System.nanoTime() + TimeUnit.MINUTES.toNanos(10);
  }

  /** Ends the connection for both sides; safe from any thread. */
  public void shutdown() {
    socket.shutdown();
  }

  /** The socket's descriptor. */
  public Fd fd() {
    return socket.fd();
  }

  @Override
  public void close() {
    synchronized (outgoing) {
      socket.close();
    }
  }
}
