package dev.basepoint.device.blk;

import dev.basepoint.device.blk.image.ImageTraits;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * {@code struct virtio_blk_config}, virtio 1.2 §5.2.4, little-endian.
 *
 * <pre>
 *    0 u64 capacity, sectors of 512        36 u32 max_discard_sectors
 *    8 u32 size_max                        40 u32 max_discard_seg
 *   12 u32 seg_max                         44 u32 discard_sector_alignment
 *   16 u16 cylinders, u8 heads, u8 sectors 48 u32 max_write_zeroes_sectors
 *   20 u32 blk_size                        52 u32 max_write_zeroes_seg
 *   24 u8  physical_block_exp              56 u8  write_zeroes_may_unmap
 *   25 u8  alignment_offset                57 u8  unused1[3]
 *   26 u16 min_io_size, blocks             60
 *   28 u32 opt_io_size, blocks
 *   32 u8  writeback
 *   33 u8  unused0
 *   34 u16 num_queues
 * </pre>
 *
 * The geometry is not offered and stays zero; so do the fields after 60, of secure erase.
 */
final class BlkConfigSpace {
  static final int CAPACITY_OFFSET = 0;
  static final int SIZE_MAX_OFFSET = CAPACITY_OFFSET + Long.BYTES;
  static final int SEG_MAX_OFFSET = SIZE_MAX_OFFSET + Integer.BYTES;
  static final int GEOMETRY_OFFSET = SEG_MAX_OFFSET + Integer.BYTES;
  static final int BLK_SIZE_OFFSET = GEOMETRY_OFFSET + Integer.BYTES;
  static final int PHYSICAL_BLOCK_EXP_OFFSET = BLK_SIZE_OFFSET + Integer.BYTES;
  static final int ALIGNMENT_OFFSET_OFFSET = PHYSICAL_BLOCK_EXP_OFFSET + 1;
  static final int MIN_IO_SIZE_OFFSET = ALIGNMENT_OFFSET_OFFSET + 1;
  static final int OPT_IO_SIZE_OFFSET = MIN_IO_SIZE_OFFSET + Short.BYTES;
  static final int WRITEBACK_OFFSET = OPT_IO_SIZE_OFFSET + Integer.BYTES;
  static final int NUM_QUEUES_OFFSET = WRITEBACK_OFFSET + 2;
  static final int MAX_DISCARD_SECTORS_OFFSET = NUM_QUEUES_OFFSET + Short.BYTES;
  static final int MAX_DISCARD_SEG_OFFSET = MAX_DISCARD_SECTORS_OFFSET + Integer.BYTES;
  static final int DISCARD_ALIGNMENT_OFFSET = MAX_DISCARD_SEG_OFFSET + Integer.BYTES;
  static final int MAX_WRITE_ZEROES_SECTORS_OFFSET = DISCARD_ALIGNMENT_OFFSET + Integer.BYTES;
  static final int MAX_WRITE_ZEROES_SEG_OFFSET = MAX_WRITE_ZEROES_SECTORS_OFFSET + Integer.BYTES;
  static final int WRITE_ZEROES_MAY_UNMAP_OFFSET = MAX_WRITE_ZEROES_SEG_OFFSET + Integer.BYTES;
  static final int BYTES = WRITE_ZEROES_MAY_UNMAP_OFFSET + 4;

  private final ByteBuffer bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);

  BlkConfigSpace(BlkSettings settings, ImageTraits image, RequestLimits limits) {
    int blockSize = settings.blockSizeBytes();
    int physicalBlock = Math.max(blockSize, image.storageBlockBytes());
    bytes.putLong(CAPACITY_OFFSET, image.sizeBytes() / VirtioBlk.SECTOR_BYTES);
    bytes.putInt(SIZE_MAX_OFFSET, RequestLimits.SIZE_MAX);
    bytes.putInt(SEG_MAX_OFFSET, limits.segments());
    bytes.putInt(BLK_SIZE_OFFSET, blockSize);
    bytes.put(
        PHYSICAL_BLOCK_EXP_OFFSET, (byte) Integer.numberOfTrailingZeros(physicalBlock / blockSize));
    bytes.putShort(MIN_IO_SIZE_OFFSET, (short) (physicalBlock / blockSize));
    bytes.putShort(NUM_QUEUES_OFFSET, (short) settings.queueCount());
    if (offersDiscard(settings, image)) {
      bytes.putInt(MAX_DISCARD_SECTORS_OFFSET, RequestLimits.DISCARD_SECTORS_MAX);
      bytes.putInt(MAX_DISCARD_SEG_OFFSET, RequestLimits.RANGES_MAX);
      bytes.putInt(DISCARD_ALIGNMENT_OFFSET, physicalBlock / VirtioBlk.SECTOR_BYTES);
      bytes.put(WRITE_ZEROES_MAY_UNMAP_OFFSET, (byte) 1);
    }
    if (offersWriteZeroes(settings, image)) {
      bytes.putInt(MAX_WRITE_ZEROES_SECTORS_OFFSET, RequestLimits.WRITE_ZEROES_SECTORS_MAX);
      bytes.putInt(MAX_WRITE_ZEROES_SEG_OFFSET, RequestLimits.RANGES_MAX);
    }
    setWriteback(!image.readOnly());
  }

  /** The feature bits that are true of this disk. */
  static long features(BlkSettings settings, ImageTraits image) {
    long features =
        VirtioBlk.VIRTIO_BLK_F_SIZE_MAX
            | VirtioBlk.VIRTIO_BLK_F_SEG_MAX
            | VirtioBlk.VIRTIO_BLK_F_BLK_SIZE
            | VirtioBlk.VIRTIO_BLK_F_TOPOLOGY
            | VirtioBlk.VIRTIO_BLK_F_FLUSH;
    features |= image.readOnly() ? VirtioBlk.VIRTIO_BLK_F_RO : VirtioBlk.VIRTIO_BLK_F_CONFIG_WCE;
    if (settings.queueCount() > 1) {
      features |= VirtioBlk.VIRTIO_BLK_F_MQ;
    }
    if (offersDiscard(settings, image)) {
      features |= VirtioBlk.VIRTIO_BLK_F_DISCARD;
    }
    if (offersWriteZeroes(settings, image)) {
      features |= VirtioBlk.VIRTIO_BLK_F_WRITE_ZEROES;
    }
    return features;
  }

  private static boolean offersDiscard(BlkSettings settings, ImageTraits image) {
    return settings.discard() && image.discard() && !image.readOnly();
  }

  /** Needs no help from the storage: zeros can be written. */
  private static boolean offersWriteZeroes(BlkSettings settings, ImageTraits image) {
    return settings.discard() && !image.readOnly();
  }

  /** Whether completed writes may still be volatile (§5.2.6.2). */
  boolean isWriteback() {
    return bytes.get(WRITEBACK_OFFSET) != 0;
  }

  /** Returns whether that changes anything. */
  boolean setWriteback(boolean writeback) {
    boolean changes = writeback != isWriteback();
    bytes.put(WRITEBACK_OFFSET, (byte) (writeback ? 1 : 0));
    return changes;
  }

  /** A copy of all bytes. */
  byte[] toBytes() {
    return bytes.array().clone();
  }
}
