package dev.basepoint.vmm.virtio;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.vmm.virtio.channel.BlkConfig;

/** Which fields of a configuration space a driver may write. */
@FunctionalInterface
interface WritableConfig {
  /** Whether the driver may write {@code data} at {@code offset} with these features. */
  boolean accepts(int offset, byte[] data, long features);

  /** By device kind; only block devices have such a field. */
  static WritableConfig of(SupervisionRequest.Kind kind) {
    return switch (kind) {
      case BLK -> WritableConfig::isBlkWriteback;
      case NET, RNG -> (offset, data, features) -> false;
    };
  }

  /** {@code writeback} of virtio 1.2 §5.2.4: 0 or 1, with VIRTIO_BLK_F_CONFIG_WCE. */
  private static boolean isBlkWriteback(int offset, byte[] data, long features) {
    long configWce = 1L << 11;
    return (features & configWce) != 0
        && offset == BlkConfig.WRITEBACK
        && data.length == 1
        && (data[0] == 0 || data[0] == 1);
  }
}
