package dev.basepoint.ipc.virtqueue;

/**
 * {@code struct virtq_desc}, virtio 1.2 §2.7.5; also the entry of an indirect table, §2.7.5.3.
 *
 * <pre>
 *   0                8        12      14      16 bytes
 *   +----------------+--------+-------+-------+
 *   | addr           | len    | flags | next  |  x queue size
 *   +----------------+--------+-------+-------+
 * </pre>
 *
 * A descriptor is read as two 64-bit words, each loaded once: the second holds len, flags and next.
 */
public final class VirtqDesc {
  /** The buffer continues in the descriptor {@code next}. */
  public static final int VIRTQ_DESC_F_NEXT = 1;

  /** The device writes this buffer; otherwise it reads it. */
  public static final int VIRTQ_DESC_F_WRITE = 2;

  /** The buffer holds a table of descriptors. */
  public static final int VIRTQ_DESC_F_INDIRECT = 4;

  /** Offset of the buffer's address. */
  public static final long ADDR_OFFSET = 0;

  /** Offset of the buffer's length in bytes. */
  public static final long LEN_OFFSET = ADDR_OFFSET + Long.BYTES;

  /** Offset of the flags. */
  public static final long FLAGS_OFFSET = LEN_OFFSET + Integer.BYTES;

  /** Offset of the index of the next descriptor. */
  public static final long NEXT_OFFSET = FLAGS_OFFSET + Short.BYTES;

  /** Size of one descriptor. */
  public static final long BYTES = NEXT_OFFSET + Short.BYTES;

  /** What §2.7 asks of a descriptor table's address. */
  public static final long ALIGNMENT = 16;

  private VirtqDesc() {}

  /** Size of a table in bytes. */
  public static long tableBytes(int queueSize) {
    return queueSize * BYTES;
  }

  /** Builds the second word. */
  static long word(int length, int flags, int next) {
    return Integer.toUnsignedLong(length)
        | (flags & 0xffffL) << ((FLAGS_OFFSET - LEN_OFFSET) * Byte.SIZE)
        | (next & 0xffffL) << ((NEXT_OFFSET - LEN_OFFSET) * Byte.SIZE);
  }

  static long length(long word) {
    return word & 0xffff_ffffL;
  }

  static int flags(long word) {
    return (int) (word >>> ((FLAGS_OFFSET - LEN_OFFSET) * Byte.SIZE)) & 0xffff;
  }

  static int next(long word) {
    return (int) (word >>> ((NEXT_OFFSET - LEN_OFFSET) * Byte.SIZE)) & 0xffff;
  }
}
