package dev.basepoint.ipc.virtqueue;

/** What {@link DeviceQueue#pop} found. */
public enum PopResult {
  /** Nothing is available. */
  EMPTY(Kind.NONE),
  /** A well-formed chain. */
  CHAIN(Kind.NONE),

  /** The chain visits more descriptors than its table has: it is a cycle. */
  CYCLE(Kind.CHAIN_FAULT),
  /** The chain has more descriptors than the limit. */
  TOO_MANY_DESCRIPTORS(Kind.CHAIN_FAULT),
  /** The chain has more bytes than the limit, or than 2^32 - 1. */
  TOO_MANY_BYTES(Kind.CHAIN_FAULT),
  /** {@code next} is not in the table. */
  NEXT_OUT_OF_RANGE(Kind.CHAIN_FAULT),
  /** A buffer is not wholly in memory. */
  BUFFER_OUT_OF_RANGE(Kind.CHAIN_FAULT),
  /** A device-readable descriptor follows a device-writable one, §2.7.4.2. */
  READABLE_AFTER_WRITABLE(Kind.CHAIN_FAULT),
  /** An indirect descriptor without VIRTIO_F_INDIRECT_DESC, §2.7.5.3.1. */
  INDIRECT_NOT_NEGOTIATED(Kind.CHAIN_FAULT),
  /** An indirect descriptor within an indirect table, §2.7.5.3.1. */
  INDIRECT_NESTED(Kind.CHAIN_FAULT),
  /** A descriptor that is indirect and has a successor, §2.7.5.3.1. */
  INDIRECT_WITH_NEXT(Kind.CHAIN_FAULT),
  /** An indirect table of zero bytes or not of whole descriptors, §2.7.5.3. */
  INDIRECT_BAD_LENGTH(Kind.CHAIN_FAULT),
  /** An indirect table that is not wholly in memory. */
  INDIRECT_OUT_OF_RANGE(Kind.CHAIN_FAULT),

  /** The driver's index went back, or ahead by more chains than the queue can hold. */
  AVAIL_INDEX_JUMP(Kind.RING_FAULT),
  /** A head index is not in the descriptor table. */
  HEAD_OUT_OF_RANGE(Kind.RING_FAULT),
  /** A head was made available again before the device returned it. */
  HEAD_IN_FLIGHT(Kind.RING_FAULT);

  private enum Kind {
    NONE,
    CHAIN_FAULT,
    RING_FAULT
  }

  private final Kind kind;

  PopResult(Kind kind) {
    this.kind = kind;
  }

  /**
   * Whether only this chain is bad. Its head is in flight and must be returned with length 0; the
   * queue goes on.
   */
  public boolean isChainFault() {
    return kind == Kind.CHAIN_FAULT;
  }

  /**
   * Whether the ring itself can no longer be trusted. The queue pops nothing any more; the device
   * needs a reset (DEVICE_NEEDS_RESET, §2.1.2).
   */
  public boolean isRingFault() {
    return kind == Kind.RING_FAULT;
  }
}
