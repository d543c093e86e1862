package dev.basepoint.ipc.server;

import java.util.concurrent.TimeUnit;

/** Keeps a failing disk or a hostile peer from flooding the launcher. Belongs to one thread. */
public final class WarningLimit {
  private static final int BURST = 5;
  private static final long REFILL_NANOS = TimeUnit.SECONDS.toNanos(10);

  private int tokens = BURST;
  private long lastRefillNanos = System.nanoTime();
  private long suppressed;

  /** Whether a warning may be given now; otherwise it is counted. */
  public boolean admit() {
    long now = System.nanoTime();
    long refills = (now - lastRefillNanos) / REFILL_NANOS;
    if (refills > 0) {
      tokens = (int) Math.min(BURST, tokens + refills);
      lastRefillNanos += refills * REFILL_NANOS;
    }
    if (tokens == 0) {
      suppressed++;
      return false;
    }
    tokens--;
    return true;
  }

  /** How many were not admitted since this was asked last. */
  public long takeSuppressed() {
    long count = suppressed;
    suppressed = 0;
    return count;
  }
}
