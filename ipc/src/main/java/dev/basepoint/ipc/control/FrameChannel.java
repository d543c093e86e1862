package dev.basepoint.ipc.control;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.UnixSocket;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Frames over a Unix stream socket, limited in size and descriptors.
 *
 * <pre>
 *   0                4          6          8
 *   +----------------+----------+----------+---------- - -
 *   | payload bytes  | fd count | 'B' 'P'  | payload
 *   | u32 LE         | u16 LE   | magic    |
 *   +----------------+----------+----------+---------- - -
 * </pre>
 *
 * The descriptors travel with the header, so that what a peer announces and what it sent can be
 * compared before a byte of payload is parsed. One thread may receive while others send.
 */
public final class FrameChannel implements AutoCloseable {
  private static final int HEADER_BYTES = 8;
  private static final short MAGIC = 'B' | 'P' << 8;

  private final UnixSocket socket;
  private final String peer;
  private final Object sendLock = new Object();

  private final MemorySegment in =
      Arena.ofAuto().allocate(HEADER_BYTES + Frame.PAYLOAD_BYTES_MAX, 8);
  private final MemorySegment out =
      Arena.ofAuto().allocate(HEADER_BYTES + Frame.PAYLOAD_BYTES_MAX, 8);
  private final List<Fd> pendingFds = new ArrayList<>();
  private int received;

  /**
   * @param socket the connected socket, owned by the channel from now on
   * @param peer the peer's role, for error messages
   */
  public FrameChannel(UnixSocket socket, String peer) {
    this.socket = socket;
    this.peer = peer;
  }

  /** The peer's role, as given. */
  public String peer() {
    return peer;
  }

  /** The socket's descriptor, for event loops. */
  public Fd fd() {
    return socket.fd();
  }

  /**
   * Sends one frame.
   *
   * @throws ChannelClosedException if the peer has closed its end
   * @throws RequestFailedException with code DEADLINE if the peer did not make room in time; the
   *     stream is then unusable, and shut down
   */
  public void send(Frame frame, long deadlineNanos) throws IOException {
    int payloadBytes = frame.payload().length;
    if (payloadBytes > Frame.PAYLOAD_BYTES_MAX || frame.fds().size() > Frame.FDS_MAX) {
      throw new ProtocolException(
          "refusing to send " + payloadBytes + " bytes and " + frame.fds().size() + " descriptors");
    }
    synchronized (sendLock) {
      out.set(ValueLayout.JAVA_INT, 0, payloadBytes);
      out.set(ValueLayout.JAVA_SHORT, 4, (short) frame.fds().size());
      out.set(ValueLayout.JAVA_SHORT, 6, MAGIC);
      MemorySegment.copy(
          frame.payload(), 0, out, ValueLayout.JAVA_BYTE, HEADER_BYTES, payloadBytes);
      long total = (long) HEADER_BYTES + payloadBytes;
      long sent = 0;
      while (sent < total) {
        List<Fd> fds = sent == 0 ? frame.fds() : List.of();
        long result = socket.send(out, sent, total - sent, fds);
        if (result == -Errno.EAGAIN) {
          awaitRoom(deadlineNanos);
        } else if (result == -Errno.EPIPE || result == -Errno.ECONNRESET) {
          throw new ChannelClosedException(peer + " has closed its channel");
        } else if (result != -Errno.EINTR) {
          sent += ErrnoException.check(result, "sendmsg to " + peer);
        }
      }
    }
  }

  private void awaitRoom(long deadlineNanos) throws IOException {
    if (!Poll.await(socket.fd(), Poll.POLLOUT, deadlineNanos)) {
      socket.shutdown();
      throw new RequestFailedException(
          RequestFailedException.Code.DEADLINE, peer + " does not read its channel");
    }
  }

  /**
   * Takes the next frame if all of it has arrived.
   *
   * @return the frame, whose descriptors the caller owns, or null if more must arrive first
   * @throws ChannelClosedException at the end of the stream
   * @throws ProtocolException if the peer sent what no frame may hold
   */
  public Frame tryReceive() throws IOException {
    while (true) {
      int wanted = received < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + payloadBytes();
      if (received == wanted && received >= HEADER_BYTES) {
        return takeFrame();
      }
      long result = socket.receive(in, received, wanted - received, pendingFds);
      if (result == -Errno.EAGAIN || result == -Errno.EINTR) {
        return null;
      }
      if (result == 0 || result == -Errno.ECONNRESET) {
        throw new ChannelClosedException(peer + " has closed its channel");
      }
      if (result == -Errno.E2BIG) {
        throw new ProtocolException(peer + " sent more descriptors than a message can hold");
      }
      boolean inPayload = received >= HEADER_BYTES;
      int before = pendingFds.size();
      received += (int) ErrnoException.check(result, "recvmsg from " + peer);
      checkHeader(inPayload, before);
    }
  }

  private int payloadBytes() {
    return in.get(ValueLayout.JAVA_INT, 0);
  }

  private void checkHeader(boolean inPayload, int fdsBefore) throws ProtocolException {
    if (pendingFds.size() > Frame.FDS_MAX) {
      throw new ProtocolException(peer + " sent " + pendingFds.size() + " descriptors at once");
    }
    if (received < HEADER_BYTES) {
      return;
    }
    if (in.get(ValueLayout.JAVA_SHORT, 6) != MAGIC) {
      throw new ProtocolException(peer + " sent no frame header");
    }
    if (payloadBytes() < 0 || payloadBytes() > Frame.PAYLOAD_BYTES_MAX) {
      throw new ProtocolException(
          peer + " announced a message of " + Integer.toUnsignedString(payloadBytes()) + " bytes");
    }
    int announced = Short.toUnsignedInt(in.get(ValueLayout.JAVA_SHORT, 4));
    if (announced > Frame.FDS_MAX
        || announced != pendingFds.size()
        || (inPayload && pendingFds.size() != fdsBefore)) {
      throw new ProtocolException(
          peer + " announced " + announced + " descriptors and sent " + pendingFds.size());
    }
  }

  private Frame takeFrame() {
    byte[] payload = in.asSlice(HEADER_BYTES, payloadBytes()).toArray(ValueLayout.JAVA_BYTE);
    Frame frame = new Frame(payload, pendingFds);
    pendingFds.clear();
    received = 0;
    return frame;
  }

  /**
   * Waits for the next frame.
   *
   * @return the frame, or null if the deadline passed first
   */
  public Frame receive(long deadlineNanos) throws IOException {
    while (true) {
      Frame frame = tryReceive();
      if (frame != null) {
        return frame;
      }
      if (!Poll.await(socket.fd(), Poll.POLLIN, deadlineNanos)) {
        return null;
      }
    }
  }

  /** Wakes a receiver on either side with the end of the stream. */
  public void shutdown() {
    socket.shutdown();
  }

  @Override
  public void close() {
    pendingFds.forEach(Fd::close);
    pendingFds.clear();
    socket.close();
  }
}
