package dev.basepoint.launcher.fork;

import dev.basepoint.launcher.manifest.BasepointSpec;
import java.time.Duration;

/**
 * How many clones of a template wait for a request, and what they may cost.
 *
 * @param size clones to keep ready; 0 prepares each when it is asked for
 * @param memoryBytesMax most private memory that waiting clones may hold together
 * @param warmUpRounds how often each process plays its work through; see {@link
 *     dev.basepoint.launcher.group.GroupMember}
 */
public record PoolSettings(int size, long memoryBytesMax, int warmUpRounds) {
  public static final int SIZE_MAX = 64;

  /** Beyond this, rehearsing longer makes a clone's first requests no faster. */
  private static final int WARM_UP_ROUNDS = 200;

  /** After a fork the pool stays still so long, so that it does not slow the next of a burst. */
  static final Duration QUIET = Duration.ofMillis(30);

  /** The pool that a manifest asks for. */
  public static PoolSettings of(BasepointSpec spec) {
    return new PoolSettings(
        spec.pool(), spec.memoryBudgetBytes().orElse(Long.MAX_VALUE), WARM_UP_ROUNDS);
  }

  public PoolSettings {
    if (size < 0 || size > SIZE_MAX || memoryBytesMax < 0 || warmUpRounds < 0) {
      throw new IllegalArgumentException(
          "pool of " + size + " clones, " + memoryBytesMax + " bytes, " + warmUpRounds + " rounds");
    }
  }
}
