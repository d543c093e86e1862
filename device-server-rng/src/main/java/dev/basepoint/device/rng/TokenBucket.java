package dev.basepoint.device.rng;

import java.util.concurrent.TimeUnit;

/**
 * A rate limit: bytes flow in at a constant rate up to a capacity, and are taken out by requests.
 * Starts full. The clock is the caller's, so nothing here waits.
 */
final class TokenBucket {
  private static final long NANOS_PER_SECOND = TimeUnit.SECONDS.toNanos(1);

  private final long rateBytesPerSecond;

  /** Levels are in bytes times nanoseconds per second, so that no fraction is ever lost. */
  private final long capacity;

  private final long nanosToFill;
  private long level;
  private long filledAtNanos;

  /**
   * Makes a full bucket.
   *
   * @param rateBytesPerSecond positive
   * @param capacityBytes the largest burst, at most 2^32
   */
  TokenBucket(long rateBytesPerSecond, long capacityBytes, long nowNanos) {
    this.rateBytesPerSecond = rateBytesPerSecond;
    capacity = capacityBytes * NANOS_PER_SECOND;
    nanosToFill = Math.ceilDiv(capacity, rateBytesPerSecond);
    level = capacity;
    filledAtNanos = nowNanos;
  }

  /** Takes {@code byteCount} bytes if they are there; at most the capacity can ever be. */
  boolean tryTake(long byteCount, long nowNanos) {
    fill(nowNanos);
    long wanted = byteCount * NANOS_PER_SECOND;
    if (wanted > level) {
      return false;
    }
    level -= wanted;
    return true;
  }

  /** How long until {@code byteCount} bytes are there, at least 1 if they are not. */
  long nanosUntil(long byteCount, long nowNanos) {
    fill(nowNanos);
    long missing = byteCount * NANOS_PER_SECOND - level;
    return missing <= 0 ? 0 : Math.ceilDiv(missing, rateBytesPerSecond);
  }

  private void fill(long nowNanos) {
    long elapsed = nowNanos - filledAtNanos;
    filledAtNanos = nowNanos;
    if (elapsed >= nanosToFill) {
      level = capacity;
    } else if (elapsed > 0) {
      // Below nanosToFill the product is below the capacity, so it cannot overflow.
      level = Math.min(capacity, level + elapsed * rateBytesPerSecond);
    }
  }
}
