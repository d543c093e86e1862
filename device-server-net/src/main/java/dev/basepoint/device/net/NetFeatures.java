package dev.basepoint.device.net;

/** Feature bits of virtio 1.2 section 5.1.3, as masks. */
final class NetFeatures {
  /** The device takes packets with partial checksums. */
  static final long VIRTIO_NET_F_CSUM = 1L;

  /** The driver takes packets with partial checksums. */
  static final long VIRTIO_NET_F_GUEST_CSUM = 1L << 1;

  static final long VIRTIO_NET_F_MTU = 1L << 3;
  static final long VIRTIO_NET_F_MAC = 1L << 5;

  /** The driver takes large TCP segments. */
  static final long VIRTIO_NET_F_GUEST_TSO4 = 1L << 7;

  static final long VIRTIO_NET_F_GUEST_TSO6 = 1L << 8;
  static final long VIRTIO_NET_F_GUEST_ECN = 1L << 9;

  /** The device takes large TCP segments. */
  static final long VIRTIO_NET_F_HOST_TSO4 = 1L << 11;

  static final long VIRTIO_NET_F_HOST_TSO6 = 1L << 12;
  static final long VIRTIO_NET_F_HOST_ECN = 1L << 13;
  static final long VIRTIO_NET_F_MRG_RXBUF = 1L << 15;
  static final long VIRTIO_NET_F_STATUS = 1L << 16;

  /** What every back end can do. */
  static final long ALWAYS =
      VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS;

  /** What a back end that hands on virtio-net headers can do. */
  static final long OFFLOADS =
      VIRTIO_NET_F_CSUM
          | VIRTIO_NET_F_HOST_TSO4
          | VIRTIO_NET_F_HOST_TSO6
          | VIRTIO_NET_F_HOST_ECN
          | VIRTIO_NET_F_GUEST_CSUM
          | VIRTIO_NET_F_GUEST_TSO4
          | VIRTIO_NET_F_GUEST_TSO6
          | VIRTIO_NET_F_GUEST_ECN;

  private NetFeatures() {}
}
