package dev.basepoint.ipc.virtqueue;

/** What {@link DriverQueue#popUsed} found. */
public enum UsedResult {
  /** Nothing has been returned. */
  EMPTY,
  /** A chain came back. */
  USED,

  /** The device's index went back, or ahead by more chains than are in flight. */
  USED_INDEX_JUMP,
  /** The returned id is not in the descriptor table. */
  USED_ID_OUT_OF_RANGE,
  /** The returned id names no chain that the device holds. */
  USED_ID_NOT_IN_FLIGHT,
  /** The device claims to have written more than the chain had room for. */
  USED_LENGTH_TOO_LONG;

  /**
   * Whether the device broke the protocol. Nothing it wrote is to be believed; the driver takes no
   * more from this ring until it is reset or republished.
   */
  public boolean isFault() {
    return this != EMPTY && this != USED;
  }
}
