package dev.basepoint.vmm.virtio.channel;

/** Offsets in a block device's configuration space, virtio 1.2 §5.2.4. */
public final class BlkConfig {
  /** In sectors of 512 bytes, u64. */
  static final int CAPACITY = 0;

  /** u8, which the driver may write. */
  public static final int WRITEBACK = 32;

  private BlkConfig() {}
}
