package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.Fd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Reads a payload field by field, and descriptors in their order. */
final class PayloadReader {
  private final RequestCode code;
  private final VhostUserFrame frame;
  private final ByteBuffer in;
  private int fdsTaken;

  PayloadReader(RequestCode code, VhostUserFrame frame) {
    this.code = code;
    this.frame = frame;
    in = ByteBuffer.wrap(frame.payload()).order(ByteOrder.LITTLE_ENDIAN);
  }

  int u16() throws VhostUserException {
    need(Short.BYTES);
    return Short.toUnsignedInt(in.getShort());
  }

  int u32() throws VhostUserException {
    need(Integer.BYTES);
    return in.getInt();
  }

  long u64() throws VhostUserException {
    need(Long.BYTES);
    return in.getLong();
  }

  /** A u32 that is 0 or 1. */
  boolean flag(String name) throws VhostUserException {
    int value = u32();
    if ((value & ~1) != 0) {
      throw new VhostUserException(code + " with " + name + " " + Integer.toUnsignedString(value));
    }
    return value != 0;
  }

  byte[] bytes(int count) throws VhostUserException {
    need(count);
    byte[] bytes = new byte[count];
    in.get(bytes);
    return bytes;
  }

  Fd fd() throws VhostUserException {
    if (fdsTaken == frame.fds().size()) {
      throw new VhostUserException(code + " without its descriptor");
    }
    return frame.fds().get(fdsTaken++);
  }

  /** Closes the next descriptor if there is one. */
  void dropFd() {
    if (fdsTaken < frame.fds().size()) {
      frame.fds().get(fdsTaken++).close();
    }
  }

  /** Lets the rest of the payload be, if it is no longer than {@code bytesMax}. */
  void skipRest(int bytesMax) {
    if (in.remaining() <= bytesMax) {
      in.position(in.limit());
    }
  }

  void expectEnd() throws VhostUserException {
    if (in.hasRemaining() || fdsTaken != frame.fds().size()) {
      throw new VhostUserException(
          code
              + " with "
              + frame.payload().length
              + " bytes and "
              + frame.fds().size()
              + " descriptors");
    }
  }

  private void need(int count) throws VhostUserException {
    if (count < 0 || in.remaining() < count) {
      throw new VhostUserException(code + " with only " + frame.payload().length + " bytes");
    }
  }
}
