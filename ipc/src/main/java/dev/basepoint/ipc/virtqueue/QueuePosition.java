package dev.basepoint.ipc.virtqueue;

/**
 * How far a device has come on a virtqueue: all the state that it has besides the rings. The chains
 * between the two indices, {@code nextAvail - nextUsed} of them, are in flight.
 *
 * @param nextAvail index of the next available ring entry to pop, modulo 2^16
 * @param nextUsed index of the next used ring entry to publish, modulo 2^16
 */
public record QueuePosition(int nextAvail, int nextUsed) {
  /** A queue that has never been used. */
  public static final QueuePosition START = new QueuePosition(0, 0);

  /** Checks that both are 16-bit numbers. */
  public QueuePosition {
    if ((nextAvail & ~0xffff) != 0 || (nextUsed & ~0xffff) != 0) {
      throw new IllegalArgumentException("position " + nextAvail + ", " + nextUsed);
    }
  }

  /** The number of chains popped and not yet returned. */
  public int inFlight() {
    return (nextAvail - nextUsed) & 0xffff;
  }
}
