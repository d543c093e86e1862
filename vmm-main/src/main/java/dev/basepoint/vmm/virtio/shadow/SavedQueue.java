package dev.basepoint.vmm.virtio.shadow;

import dev.basepoint.ipc.virtqueue.QueuePosition;
import java.io.IOException;
import java.util.BitSet;

/**
 * How far a queue had come when it was saved, and which of the guest's requests were in flight.
 *
 * @param heads of the chains in flight, oldest first
 */
public record SavedQueue(int index, QueuePosition position, int[] heads) {
  /** A queue that has never been used. */
  static SavedQueue unused(int index) {
    return new SavedQueue(index, QueuePosition.START, new int[0]);
  }

  /**
   * Judges what was read from a file.
   *
   * @throws IOException if no queue of {@code queueSize} descriptors can stand there
   */
  public void check(int queueSize) throws IOException {
    BitSet seen = new BitSet();
    boolean possible = heads.length <= queueSize && heads.length == position.inFlight();
    for (int head : heads) {
      possible = possible && head >= 0 && head < queueSize && !seen.get(head);
      if (possible) {
        seen.set(head);
      }
    }
    if (!possible) {
      throw new IOException("the saved queue " + index + " is damaged");
    }
  }
}
