package dev.basepoint.device.net;

/**
 * The configuration space, struct virtio_net_config of virtio 1.2 section 5.1.4.
 *
 * <pre>
 *   0          6        8                  10      12 bytes
 *   +----------+--------+------------------+-------+
 *   | mac      | status | max_virtqueue_   | mtu   |
 *   |          | u16 LE | pairs u16 LE     |u16 LE |
 *   +----------+--------+------------------+-------+
 * </pre>
 */
final class NetConfig {
  private static final int MAC_BYTES = 6;
  private static final int STATUS_OFFSET = MAC_BYTES;
  private static final int PAIRS_OFFSET = STATUS_OFFSET + 2;
  private static final int MTU_OFFSET = PAIRS_OFFSET + 2;
  private static final int BYTES = MTU_OFFSET + 2;

  private static final int VIRTIO_NET_S_LINK_UP = 1;

  private NetConfig() {}

  static byte[] encode(byte[] mac, boolean linkUp, int mtuBytes) {
    byte[] config = new byte[BYTES];
    System.arraycopy(mac, 0, config, 0, MAC_BYTES);
    config[STATUS_OFFSET] = (byte) (linkUp ? VIRTIO_NET_S_LINK_UP : 0);
    config[PAIRS_OFFSET] = 1;
    config[MTU_OFFSET] = (byte) mtuBytes;
    config[MTU_OFFSET + 1] = (byte) (mtuBytes >> 8);
    return config;
  }
}
