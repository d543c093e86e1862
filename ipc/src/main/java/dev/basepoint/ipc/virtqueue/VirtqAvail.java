package dev.basepoint.ipc.virtqueue;

import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * {@code struct virtq_avail}, virtio 1.2 §2.7.6: written by the driver, read by the device.
 *
 * <pre>
 *   0       2       4                       4 + 2*size   6 + 2*size bytes
 *   +-------+-------+-------+-----+---------+------------+
 *   | flags | idx   | head  | ... | head    | used_event |
 *   +-------+-------+-------+-----+---------+------------+
 * </pre>
 *
 * {@code idx} counts the chains ever made available, modulo 2^16; entry {@code idx % size} is
 * written next. {@code used_event} is meaningful with VIRTIO_F_EVENT_IDX only.
 */
public final class VirtqAvail {
  /** The driver asks for no used buffer notifications; ignored with VIRTIO_F_EVENT_IDX. */
  public static final int VIRTQ_AVAIL_F_NO_INTERRUPT = 1;

  /** Offset of the flags. */
  public static final long FLAGS_OFFSET = 0;

  /** Offset of the free-running index. */
  public static final long IDX_OFFSET = FLAGS_OFFSET + Short.BYTES;

  /** Offset of the ring. */
  public static final long RING_OFFSET = IDX_OFFSET + Short.BYTES;

  /** Size of one ring entry. */
  public static final long ENTRY_BYTES = Short.BYTES;

  /** What §2.7 asks of an available ring's address. */
  public static final long ALIGNMENT = 2;

  /**
   * Access to any u16 of the ring by offset. Aligned, since unaligned layouts offer no ordering:
   * the index is stored with release and loaded with acquire.
   */
  static final VarHandle U16 = ValueLayout.JAVA_SHORT.varHandle().withInvokeExactBehavior();

  private VirtqAvail() {}

  /** Offset of {@code used_event}. */
  public static long usedEventOffset(int queueSize) {
    return RING_OFFSET + queueSize * ENTRY_BYTES;
  }

  /** Size in bytes, {@code used_event} included. */
  public static long ringBytes(int queueSize) {
    return usedEventOffset(queueSize) + Short.BYTES;
  }
}
