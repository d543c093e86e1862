package dev.basepoint.launcher.api;

import dev.basepoint.ipc.control.ChannelClosedException;
import dev.basepoint.ipc.control.ProtocolException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Frames over a connection.
 *
 * <pre>
 *   0                4          6          8
 *   +----------------+----------+----------+---------- - -
 *   | payload bytes  | 'B' 'A'  | version  | payload
 *   | u32 LE         | magic    | u16 LE   |
 *   +----------------+----------+----------+---------- - -
 * </pre>
 *
 * For one thread.
 */
public final class ApiChannel implements AutoCloseable {
  private static final int HEADER_BYTES = 8;
  private static final short MAGIC = 'B' | 'A' << 8;

  /** A frame that has begun must be complete after this long. */
  private static final long FRAME_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final ByteStream stream;
  private final int receiveBytesMax;

  /**
   * @param stream owned by the channel from now on
   * @param receiveBytesMax longest payload accepted
   */
  public ApiChannel(ByteStream stream, int receiveBytesMax) {
    this.stream = stream;
    this.receiveBytesMax = receiveBytesMax;
  }

  /**
   * Sends one payload.
   *
   * @throws IOException also if the peer does not take it in time; the channel is then unusable
   */
  public void send(byte[] payload, long deadlineNanos) throws IOException {
    ByteBuffer frame =
        ByteBuffer.allocate(HEADER_BYTES + payload.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(payload.length)
            .putShort(MAGIC)
            .putShort((short) ApiProtocol.VERSION)
            .put(payload)
            .flip();
    try {
      stream.write(frame, deadlineNanos);
    } catch (TimeoutException e) {
      throw new IOException("the peer does not read", e);
    }
  }

  /**
   * Waits for the next payload.
   *
   * @throws TimeoutException if none had begun by the deadline
   * @throws ChannelClosedException at the end of the stream
   * @throws ProtocolException if the peer sent what no frame may hold, or half a frame
   */
  public byte[] receive(long deadlineNanos) throws IOException, TimeoutException {
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    if (stream.read(header, deadlineNanos) < 0) {
      throw new ChannelClosedException("the peer has closed the connection");
    }
    long frameDeadlineNanos = System.nanoTime() + FRAME_NANOS;
    fill(header, frameDeadlineNanos);
    int payloadBytes = header.getInt(0);
    if (header.getShort(4) != MAGIC) {
      throw new ProtocolException("the peer does not speak the daemon's protocol");
    }
    int version = Short.toUnsignedInt(header.getShort(6));
    if (version != ApiProtocol.VERSION) {
      throw new ProtocolException(
          "the peer speaks version "
              + version
              + " of the daemon's protocol, not "
              + ApiProtocol.VERSION
              + "; restart the daemon with the program that you use now");
    }
    if (payloadBytes < 0 || payloadBytes > receiveBytesMax) {
      throw new ProtocolException(
          "a message of " + Integer.toUnsignedString(payloadBytes) + " bytes is too long");
    }
    ByteBuffer payload = ByteBuffer.allocate(payloadBytes);
    fill(payload, frameDeadlineNanos);
    return payload.array();
  }

  private void fill(ByteBuffer target, long deadlineNanos) throws IOException {
    while (target.hasRemaining()) {
      try {
        if (stream.read(target, deadlineNanos) < 0) {
          throw new ProtocolException("the peer ended within a message");
        }
      } catch (TimeoutException e) {
        throw new ProtocolException("the peer stopped within a message", e);
      }
    }
  }

  @Override
  public void close() {
    stream.close();
  }
}
