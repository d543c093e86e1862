package dev.basepoint.device.blk;

/** Names and numbers of virtio 1.2 §5.2, as in linux/virtio_blk.h; those in use. */
final class VirtioBlk {
  /** Device type, §5. */
  static final int VIRTIO_ID_BLOCK = 2;

  /** The unit of capacity and of request addresses, whatever the block size. */
  static final int SECTOR_BYTES = 512;

  static final long VIRTIO_BLK_F_SIZE_MAX = 1L << 1;
  static final long VIRTIO_BLK_F_SEG_MAX = 1L << 2;
  static final long VIRTIO_BLK_F_RO = 1L << 5;
  static final long VIRTIO_BLK_F_BLK_SIZE = 1L << 6;
  static final long VIRTIO_BLK_F_FLUSH = 1L << 9;
  static final long VIRTIO_BLK_F_TOPOLOGY = 1L << 10;
  static final long VIRTIO_BLK_F_CONFIG_WCE = 1L << 11;
  static final long VIRTIO_BLK_F_MQ = 1L << 12;
  static final long VIRTIO_BLK_F_DISCARD = 1L << 13;
  static final long VIRTIO_BLK_F_WRITE_ZEROES = 1L << 14;

  static final int VIRTIO_BLK_T_IN = 0;
  static final int VIRTIO_BLK_T_OUT = 1;
  static final int VIRTIO_BLK_T_FLUSH = 4;
  static final int VIRTIO_BLK_T_GET_ID = 8;
  static final int VIRTIO_BLK_T_DISCARD = 11;
  static final int VIRTIO_BLK_T_WRITE_ZEROES = 13;

  static final int VIRTIO_BLK_S_OK = 0;
  static final int VIRTIO_BLK_S_IOERR = 1;
  static final int VIRTIO_BLK_S_UNSUPP = 2;

  /** Length of the answer to GET_ID. */
  static final int VIRTIO_BLK_ID_BYTES = 20;

  static final int VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP = 1;

  private VirtioBlk() {}
}
