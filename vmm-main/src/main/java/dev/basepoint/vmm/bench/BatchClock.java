package dev.basepoint.vmm.bench;

import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Times batches of exits on the thread that handles them. */
final class BatchClock {
  static final int EXITS_PER_BATCH = 500;

  private final long[] stamps;
  private final CountDownLatch done = new CountDownLatch(1);
  private int exits;
  private int taken;

  BatchClock(int batches) {
    stamps = new long[batches + 1];
  }

  /** Counts an exit; returns whether more are wanted. */
  boolean tick() {
    if (taken == stamps.length) {
      return false;
    }
    if (exits % EXITS_PER_BATCH == 0) {
      stamps[taken] = System.nanoTime();
      taken++;
      if (taken == stamps.length) {
        done.countDown();
      }
    }
    exits++;
    return true;
  }

  /** Whether all batches are done before the timeout. */
  boolean await(long timeoutSeconds) throws InterruptedException {
    return done.await(timeoutSeconds, TimeUnit.SECONDS);
  }

  /** Nanoseconds per exit in each batch. */
  double[] nanosPerExit() {
    double[] nanos = new double[stamps.length - 1];
    Arrays.setAll(nanos, i -> (stamps[i + 1] - stamps[i]) / (double) EXITS_PER_BATCH);
    return nanos;
  }
}
