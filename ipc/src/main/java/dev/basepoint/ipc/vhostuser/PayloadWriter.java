package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.Fd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Writes a payload field by field, and descriptors in their order. */
final class PayloadWriter {
  private final ByteBuffer out =
      ByteBuffer.allocate(VhostUserFrame.PAYLOAD_BYTES_MAX).order(ByteOrder.LITTLE_ENDIAN);
  private final List<Fd> fds = new ArrayList<>();

  PayloadWriter u16(int value) {
    out.putShort((short) value);
    return this;
  }

  PayloadWriter u32(int value) {
    out.putInt(value);
    return this;
  }

  PayloadWriter u64(long value) {
    out.putLong(value);
    return this;
  }

  PayloadWriter bytes(byte[] bytes) {
    out.put(bytes);
    return this;
  }

  PayloadWriter fd(Fd fd) {
    fds.add(fd);
    return this;
  }

  /** Ends a chain of calls with the code that it was for. */
  RequestCode as(RequestCode code) {
    return code;
  }

  VhostUserFrame frame(int request, int flags) {
    return new VhostUserFrame(
        request, flags, Arrays.copyOf(out.array(), out.position()), List.copyOf(fds));
  }
}
