package dev.basepoint.tests.escape;

import java.util.Set;
import java.util.function.ToLongFunction;

/** How an attempt must fail. */
public sealed interface Expectation {
  /** The filter holds one of these calls; the launcher reports it and ends the process. */
  record Held(Set<String> syscalls) implements Expectation {
    public Held {
      syscalls = Set.copyOf(syscalls);
    }
  }

  /** The kernel itself ends the process. */
  record Killed(int signal) implements Expectation {}

  /** The kernel answers with one of these errors; the process lives on. */
  record Refused(Set<Integer> errnos) implements Expectation {
    public Refused {
      errnos = Set.copyOf(errnos);
    }
  }

  /** The attempt ends at a limit, after at most so many units; the process lives on. */
  record Bounded(ToLongFunction<Victim> most, String unit) implements Expectation {}

  /**
   * As {@link Bounded}, or the process ends at the limit: by the kernel's hand, or because its JVM
   * looks for the reason by one of these calls, and they are not allowed either.
   */
  record Exhausted(ToLongFunction<Victim> most, String unit, Set<String> lastCalls)
      implements Expectation {
    public Exhausted {
      lastCalls = Set.copyOf(lastCalls);
    }
  }
}
