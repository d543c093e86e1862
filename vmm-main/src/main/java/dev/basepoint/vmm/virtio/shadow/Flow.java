package dev.basepoint.vmm.virtio.shadow;

/** What may pass between a guest's queues and its device server. */
public enum Flow {
  /** Everything. */
  OPEN,
  /**
   * The machine is paused: no new requests, and only those end that always do. What the outside
   * world answers now, the guest gets when it goes on.
   */
  SETTLING,
  /** Nothing: guest RAM and rings stay as they are. */
  FROZEN;

  /** Whether the guest's new requests pass. */
  boolean takes() {
    return this == OPEN;
  }

  /**
   * Whether completed requests pass.
   *
   * @param staysOpen the queue's requests may stay in flight for ever
   */
  boolean completes(boolean staysOpen) {
    return this == OPEN || (this == SETTLING && !staysOpen);
  }
}
