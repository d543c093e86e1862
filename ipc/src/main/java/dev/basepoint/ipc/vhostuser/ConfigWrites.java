package dev.basepoint.ipc.vhostuser;

import java.io.IOException;
import java.util.Arrays;

/**
 * The configuration space as the front end reads and writes it. What the driver wrote is kept and
 * written again whenever the device is started, since a device forgets it with each activation, and
 * a front end starts and stops rings for reasons of its own.
 */
final class ConfigWrites {
  private final BackEndDevice device;
  private byte[] written = new byte[0];
  private boolean[] isWritten = new boolean[0];

  ConfigWrites(BackEndDevice device) {
    this.device = device;
  }

  /** Reads; what lies beyond the device's fields is zero, as are the fields of unknown features. */
  BackEndReply.Config read(int offset, int sizeBytes) throws IOException {
    if (offset < 0
        || sizeBytes < 1
        || offset > VhostUserCodec.CONFIG_BYTES_MAX
        || sizeBytes > VhostUserCodec.CONFIG_BYTES_MAX - offset) {
      throw new RequestRefusedException(
          "%s bytes of configuration at %s"
              .formatted(Integer.toUnsignedString(sizeBytes), Integer.toUnsignedString(offset)));
    }
    byte[] space = Arrays.copyOf(device.config(), VhostUserCodec.CONFIG_BYTES_MAX);
    return new BackEndReply.Config(offset, Arrays.copyOfRange(space, offset, offset + sizeBytes));
  }

  void write(int offset, byte[] data) throws IOException {
    int size = device.config().length;
    if (offset < 0 || offset > size || data.length > size - offset) {
      throw new RequestRefusedException(
          "%d bytes written to configuration at %s of %d"
              .formatted(data.length, Integer.toUnsignedString(offset), size));
    }
    if (data.length == 0) {
      return;
    }
    written = Arrays.copyOf(written, Math.max(written.length, offset + data.length));
    isWritten = Arrays.copyOf(isWritten, written.length);
    System.arraycopy(data, 0, written, offset, data.length);
    Arrays.fill(isWritten, offset, offset + data.length, true);
    device.writeConfig(offset, data);
  }

  /** Writes everything again, after a start. */
  void repeat() throws IOException {
    for (int from = 0; from < written.length; from++) {
      if (!isWritten[from]) {
        continue;
      }
      int to = from;
      while (to < written.length && isWritten[to]) {
        to++;
      }
      device.writeConfig(from, Arrays.copyOfRange(written, from, to));
      from = to;
    }
  }

  void forget() {
    written = new byte[0];
    isWritten = new boolean[0];
  }
}
