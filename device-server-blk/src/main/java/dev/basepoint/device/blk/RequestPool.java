package dev.basepoint.device.blk;

/**
 * The requests that can be in flight at the same time. Made when first needed, since an idle disk
 * should cost no memory, and kept for ever after. Belongs to the queue thread.
 */
final class RequestPool {
  private final int segments;
  private final BlkRequest[] requests;
  private final BlkRequest[] free;
  private int made;
  private int freeCount;

  RequestPool(int capacity, int segments) {
    this.segments = segments;
    requests = new BlkRequest[capacity];
    free = new BlkRequest[capacity];
  }

  int capacity() {
    return requests.length;
  }

  /** A request for use, or null if all are in flight. */
  BlkRequest take() {
    if (freeCount > 0) {
      return free[--freeCount];
    }
    if (made == requests.length) {
      return null;
    }
    BlkRequest request = new BlkRequest(made, segments + 1);
    requests[made++] = request;
    return request;
  }

  void giveBack(BlkRequest request) {
    free[freeCount++] = request;
  }

  /** The request that was made with {@code token}. */
  BlkRequest byToken(int token) {
    return requests[token];
  }

  /** Requests taken and not given back. */
  int inFlight() {
    return made - freeCount;
  }
}
