package dev.basepoint.ipc.virtqueue;

/** The feature bits of virtio 1.2 §6 that change how a split virtqueue works, as masks. */
public final class RingFeatures {
  /** Descriptors may refer to tables of descriptors. */
  public static final long VIRTIO_F_INDIRECT_DESC = 1L << 28;

  /** Notifications are suppressed by {@code used_event} and {@code avail_event}. */
  public static final long VIRTIO_F_EVENT_IDX = 1L << 29;

  private RingFeatures() {}

  /**
   * {@code vring_need_event} of §2.7.10: whether moving an index from {@code before} to {@code
   * after} passed the point at which the peer asked to be told. All three are modulo 2^16.
   */
  static boolean passed(int event, int before, int after) {
    return ((after - event - 1) & 0xffff) < ((after - before) & 0xffff);
  }
}
