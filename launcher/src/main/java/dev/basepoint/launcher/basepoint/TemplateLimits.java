package dev.basepoint.launcher.basepoint;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * When a template must be made anew: all of its forks share the address layout that its kernel
 * chose at boot, so that one leak tells about all of them.
 *
 * @param maxForks most forks of one making; empty for no limit
 * @param maxAgeMillis oldest age at which it may be forked; empty for no limit
 */
public record TemplateLimits(OptionalLong maxForks, OptionalLong maxAgeMillis) {
  /** No limit at all. */
  public static final TemplateLimits NONE =
      new TemplateLimits(OptionalLong.empty(), OptionalLong.empty());

  public TemplateLimits {
    if (maxForks.orElse(1) < 1 || maxAgeMillis.orElse(1) < 1) {
      throw new IllegalArgumentException("a limit of a template is at least 1");
    }
  }

  /**
   * Why no fork may be made any more, or empty if one may.
   *
   * @param created when the template was made
   * @param forks how many forks were made of it so far
   */
  public Optional<String> exhausted(Instant created, Instant now, long forks) {
    if (maxForks.isPresent() && forks >= maxForks.getAsLong()) {
      return Optional.of("all of its " + maxForks.getAsLong() + " forks have been made");
    }
    if (maxAgeMillis.isPresent()
        && Duration.between(created, now).toMillis() >= maxAgeMillis.getAsLong()) {
      return Optional.of("it is older than its maxAge of " + maxAgeMillis.getAsLong() + " ms");
    }
    return Optional.empty();
  }

  /** Whether so little of a limit is left that it is time to make the template again. */
  public boolean wearing(Instant created, Instant now, long forks) {
    boolean fewForksLeft = maxForks.isPresent() && forks >= mostOf(maxForks.getAsLong());
    boolean littleTimeLeft =
        maxAgeMillis.isPresent()
            && Duration.between(created, now).toMillis() >= mostOf(maxAgeMillis.getAsLong());
    return fewForksLeft || littleTimeLeft;
  }

  private static long mostOf(long limit) {
    return limit - (limit / 4);
  }
}
