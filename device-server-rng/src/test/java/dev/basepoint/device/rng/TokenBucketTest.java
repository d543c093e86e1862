package dev.basepoint.device.rng;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class TokenBucketTest {
  private static final long SECOND = 1_000_000_000L;

  @Test
  void startsFullAndFillsAtItsRate() {
    TokenBucket bucket = new TokenBucket(1000, 500, 7);
    assertTrue(bucket.tryTake(500, 7));
    assertFalse(bucket.tryTake(1, 7));
    assertEquals(SECOND / 1000, bucket.nanosUntil(1, 7));
    assertFalse(bucket.tryTake(1, 7 + SECOND / 1000 - 1));
    assertTrue(bucket.tryTake(1, 7 + SECOND / 1000));
    assertTrue(bucket.tryTake(500, 7 + 10 * SECOND), "no more than the capacity is kept");
    assertFalse(bucket.tryTake(1, 7 + 10 * SECOND));
    assertEquals(0, bucket.nanosUntil(500, 7 + 11 * SECOND));
  }

  @Test
  void neverGivesMoreThanTheRateWhateverTheRhythm() {
    long seed = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    for (long rate : new long[] {1, 3, 1000, 1_000_003, 1L << 40, Long.MAX_VALUE}) {
      long start = random.nextLong();
      long now = start;
      TokenBucket bucket = new TokenBucket(rate, 4096, now);
      double given = 0;
      for (int i = 0; i < 20_000; i++) {
        now += random.nextLong(1 + (1L << random.nextInt(33)));
        long wanted = 1 + random.nextLong(4096);
        if (bucket.tryTake(wanted, now)) {
          given += wanted;
        } else {
          long wait = bucket.nanosUntil(wanted, now);
          assertTrue(wait > 0, "seed " + seed);
          assertFalse(bucket.tryTake(wanted, now + wait - 1), "seed " + seed + " rate " + rate);
          now += wait;
          assertTrue(bucket.tryTake(wanted, now), "seed " + seed + " rate " + rate);
          given += wanted;
        }
        double allowed = 4096 + (double) (now - start) / SECOND * rate;
        assertTrue(given <= allowed * 1.000001, "seed " + seed + " rate " + rate);
      }
    }
  }
}
