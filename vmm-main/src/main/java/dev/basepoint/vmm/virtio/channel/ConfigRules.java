package dev.basepoint.vmm.virtio.channel;

import dev.basepoint.vmm.virtio.shadow.DeviceProfile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Which fields of a configuration space may be others when another server takes a device over. The
 * driver has read all of them and works by them; it looks again only where it expects changes.
 */
public final class ConfigRules {
  /** {@code mac} and {@code status} of virtio 1.2 §5.1.4: each clone has its own. */
  private static final int NET_CHANGEABLE_BYTES = 8;

  private static final int NET_ID = 1;
  private static final int BLK_ID = 2;

  private ConfigRules() {}

  /**
   * Compares the configuration that the driver knows with another server's.
   *
   * @throws IOException saying what differs that must not
   */
  public static void check(DeviceProfile profile, byte[] known, byte[] other) throws IOException {
    if (known.length != other.length) {
      throw new IOException(
          "its configuration has %d bytes, the driver knows %d"
              .formatted(other.length, known.length));
    }
    boolean isBlk = profile.virtioDeviceId() == BLK_ID;
    if (isBlk && known.length >= Long.BYTES && capacity(known) != capacity(other)) {
      throw new IOException(
          "its capacity is %d sectors, the driver knows %d"
              .formatted(capacity(other), capacity(known)));
    }
    int from = profile.virtioDeviceId() == NET_ID ? NET_CHANGEABLE_BYTES : 0;
    for (int i = from; i < known.length; i++) {
      if (known[i] != other[i] && !(isBlk && i == BlkConfig.WRITEBACK)) {
        throw new IOException("its configuration differs at byte " + i);
      }
    }
  }

  private static long capacity(byte[] config) {
    return ByteBuffer.wrap(config).order(ByteOrder.LITTLE_ENDIAN).getLong(BlkConfig.CAPACITY);
  }
}
