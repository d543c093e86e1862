package dev.basepoint.ipc.server;

import dev.basepoint.ipc.virtqueue.RingFeatures;

/** Feature bits of virtio 1.2 section 6 that every device of ours offers, as masks. */
public final class VirtioFeatures {
  /** The device follows virtio 1.0 or later; a driver must accept it. */
  public static final long VIRTIO_F_VERSION_1 = 1L << 32;

  /** What the frame itself provides, whatever the device. */
  public static final long TRANSPORT =
      VIRTIO_F_VERSION_1 | RingFeatures.VIRTIO_F_INDIRECT_DESC | RingFeatures.VIRTIO_F_EVENT_IDX;

  private VirtioFeatures() {}
}
