package dev.basepoint.device.blk;

import java.util.function.Consumer;

/**
 * Merges FLUSH requests. One flush of the image at a time is running; those that arrive meanwhile
 * wait for the next one, which serves them all, since it starts after each of them was submitted.
 *
 * <p>After a flush has failed, the kernel holds the lost pages as clean and would call the next
 * flush a success. So every later flush and durable write fails too, until the driver resets the
 * device and recovers from what is on the disk.
 *
 * <p>Belongs to the queue thread.
 */
final class FlushGroup {
  /** Takes a request that has been served. */
  interface Finisher {
    void finish(BlkRequest request, long result);
  }

  private final Consumer<BlkRequest> starter;
  private final Finisher finisher;
  private BlkRequest[] running;
  private BlkRequest[] waiting;
  private int runningCount;
  private int waitingCount;
  private long failure;

  /**
   * Makes an empty group.
   *
   * @param capacity most flushes in flight
   * @param starter has the image flushed for the request it is given, and reports that one
   * @param finisher called with each request whose flush has ended
   */
  FlushGroup(int capacity, Consumer<BlkRequest> starter, Finisher finisher) {
    this.starter = starter;
    this.finisher = finisher;
    running = new BlkRequest[capacity];
    waiting = new BlkRequest[capacity];
  }

  /** The error of the flush that failed, {@code -errno}, or 0. */
  long failure() {
    return failure;
  }

  /** Forgets a failure, at a reset. */
  void reset() {
    failure = 0;
  }

  /** Takes a FLUSH request. */
  void add(BlkRequest request) {
    waiting[waitingCount++] = request;
    if (runningCount == 0) {
      startWaiting();
    }
  }

  /** The running flush has ended. */
  void onFlushed(long result) {
    if (result != 0 && failure == 0) {
      failure = result;
    }
    int count = runningCount;
    BlkRequest[] done = running;
    runningCount = 0;
    for (int i = 0; i < count; i++) {
      finisher.finish(done[i], result);
    }
    if (waitingCount > 0) {
      startWaiting();
    }
  }

  private void startWaiting() {
    BlkRequest[] next = waiting;
    waiting = running;
    running = next;
    runningCount = waitingCount;
    waitingCount = 0;
    starter.accept(running[0]);
  }
}
