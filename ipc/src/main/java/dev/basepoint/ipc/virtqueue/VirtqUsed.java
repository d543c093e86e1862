package dev.basepoint.ipc.virtqueue;

import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * {@code struct virtq_used}, virtio 1.2 §2.7.8: written by the device, read by the driver.
 *
 * <pre>
 *   0       2       4      8      12                  4 + 8*size    6 + 8*size bytes
 *   +-------+-------+------+------+-----+------+------+-------------+
 *   | flags | idx   | id   | len  | ... | id   | len  | avail_event |
 *   +-------+-------+------+------+-----+------+------+-------------+
 * </pre>
 *
 * {@code idx} counts the chains ever returned, modulo 2^16. {@code len} is how many bytes the
 * device wrote into the chain. {@code avail_event} is meaningful with VIRTIO_F_EVENT_IDX only.
 */
public final class VirtqUsed {
  /** The device asks for no available buffer notifications; ignored with VIRTIO_F_EVENT_IDX. */
  public static final int VIRTQ_USED_F_NO_NOTIFY = 1;

  /** Offset of the flags. */
  public static final long FLAGS_OFFSET = 0;

  /** Offset of the free-running index. */
  public static final long IDX_OFFSET = FLAGS_OFFSET + Short.BYTES;

  /** Offset of the ring. */
  public static final long RING_OFFSET = IDX_OFFSET + Short.BYTES;

  /** Offset of the chain's head index within an entry. */
  public static final long ENTRY_ID_OFFSET = 0;

  /** Offset of the written length within an entry. */
  public static final long ENTRY_LEN_OFFSET = ENTRY_ID_OFFSET + Integer.BYTES;

  /** Size of one ring entry. */
  public static final long ENTRY_BYTES = ENTRY_LEN_OFFSET + Integer.BYTES;

  /** What §2.7 asks of a used ring's address. */
  public static final long ALIGNMENT = 4;

  /** Access to flags, index and event by offset; see {@link VirtqAvail#U16}. */
  static final VarHandle U16 = ValueLayout.JAVA_SHORT.varHandle().withInvokeExactBehavior();

  private VirtqUsed() {}

  /** Offset of {@code avail_event}. */
  public static long availEventOffset(int queueSize) {
    return RING_OFFSET + queueSize * ENTRY_BYTES;
  }

  /** Size in bytes, {@code avail_event} included. */
  public static long ringBytes(int queueSize) {
    return availEventOffset(queueSize) + Short.BYTES;
  }

  /** Builds an entry as the little-endian u64 that one store writes. */
  static long entry(int id, long length) {
    return Integer.toUnsignedLong(id) | length << (ENTRY_LEN_OFFSET * Byte.SIZE);
  }

  static int id(long entry) {
    return (int) entry;
  }

  static long length(long entry) {
    return entry >>> (ENTRY_LEN_OFFSET * Byte.SIZE);
  }
}
