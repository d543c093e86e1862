package dev.basepoint.device.blk;

import java.util.concurrent.TimeUnit;

/**
 * Decides whether buffered writes run on the queue thread. They mostly only copy into the page
 * cache, which is far cheaper than a hand-over to another thread; but the kernel makes writers wait
 * when too much is dirty or the journal is full, and then reads should not wait along. Belongs to
 * the queue thread.
 */
final class InlineWrites {
  /** A write that takes longer has waited for the disk. */
  private static final long SLOW_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

  /** How long writes stay off the queue thread after a slow one. */
  private static final long AVOID_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private boolean avoiding;
  private long avoidUntil;

  /** Whether writes have been fast lately. */
  boolean areFast() {
    if (avoiding && System.nanoTime() - avoidUntil >= 0) {
      avoiding = false;
    }
    return !avoiding;
  }

  /**
   * Carries a write out on this thread and watches how long it takes; {@link
   * dev.basepoint.device.blk.image.Image#WOULD_WAIT} leaves the rest to be written.
   */
  long run(ImageWork work, BlkRequest request) {
    long start = System.nanoTime();
    long result = work.tryWrite(request);
    long end = System.nanoTime();
    if (end - start > SLOW_NANOS) {
      avoiding = true;
      avoidUntil = end + AVOID_NANOS;
    }
    return result;
  }
}
