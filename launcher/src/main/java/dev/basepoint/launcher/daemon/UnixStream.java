package dev.basepoint.launcher.daemon;

import dev.basepoint.ipc.control.ProtocolException;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.launcher.api.ByteStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeoutException;
import jnr.unixsocket.UnixSocketChannel;

/** The daemon's end of a connection. A client that sends descriptors breaks the protocol. */
final class UnixStream implements ByteStream {
  private static final int BUFFER_BYTES = 16 * 1024;

  private final UnixSocketChannel channel;
  private final Fd fd;
  private final UnixSocket socket;
  private final MemorySegment in = Arena.ofAuto().allocate(BUFFER_BYTES);
  private final MemorySegment out = Arena.ofAuto().allocate(BUFFER_BYTES);
  private final List<Fd> fds = new ArrayList<>();

  /** Takes over a connection. */
  UnixStream(UnixSocketChannel channel) throws ErrnoException {
    this.channel = channel;
    this.fd = Fd.own(channel.getFD());
    this.socket = UnixSocket.own(fd);
  }

  @Override
  public int read(ByteBuffer target, long deadlineNanos) throws IOException, TimeoutException {
    while (true) {
      int wanted = Math.min(target.remaining(), BUFFER_BYTES);
      long result = socket.receive(in, 0, wanted, fds);
      if (!fds.isEmpty() || result == -Errno.E2BIG) {
        fds.forEach(Fd::close);
        fds.clear();
        throw new ProtocolException("the peer sent descriptors");
      }
      if (result == 0 || result == -Errno.ECONNRESET) {
        return -1;
      }
      if (result > 0) {
        target.put(in.asSlice(0, result).asByteBuffer());
        return (int) result;
      }
      await(Poll.POLLIN, result, "recvmsg from a client", deadlineNanos);
    }
  }

  @Override
  public void write(ByteBuffer source, long deadlineNanos) throws IOException, TimeoutException {
    while (source.hasRemaining()) {
      int count = Math.min(source.remaining(), BUFFER_BYTES);
      out.asByteBuffer().put(source.slice(source.position(), count));
      long result = socket.send(out, 0, count, List.of());
      if (result >= 0) {
        source.position(source.position() + (int) result);
      } else {
        await(Poll.POLLOUT, result, "sendmsg to a client", deadlineNanos);
      }
    }
  }

  private void await(short events, long result, String operation, long deadlineNanos)
      throws IOException, TimeoutException {
    if (result != -Errno.EAGAIN && result != -Errno.EINTR) {
      throw new ErrnoException(operation, (int) -result);
    }
    if (!Poll.await(socket.fd(), events, deadlineNanos)) {
      throw new TimeoutException();
    }
  }

  /** Wakes whoever reads or writes with the end of the stream. */
  void shutdown() {
    socket.shutdown();
  }

  @Override
  public void close() {
    // The library owns the descriptor, and shuts the connection down with it.
    if (fd.isOpen()) {
      fd.release();
      close(channel);
    }
  }

  static void close(UnixSocketChannel channel) {
    try (channel) {
      return;
    } catch (IOException e) {
      // Nothing more can be done about a connection that cannot be closed.
    }
  }
}
