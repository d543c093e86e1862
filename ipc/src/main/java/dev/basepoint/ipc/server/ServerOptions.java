package dev.basepoint.ipc.server;

import java.util.concurrent.TimeUnit;

/**
 * A device server's command line.
 *
 * @param spinNanos how long the queue thread looks for work after the last of it before it sleeps;
 *     0 sleeps at once, which is right unless a CPU is to spare
 * @param warmUpRounds how many activations to rehearse before the launcher is answered; 0 for none
 * @param rehearseOnly end after the rehearsal, for the JVM to write its ahead-of-time cache
 */
record ServerOptions(long spinNanos, int warmUpRounds, boolean rehearseOnly) {
  private static final String SPIN = "--spin-micros=";
  private static final long SPIN_MICROS_MAX = 10_000;
  private static final String WARM_UP = "--warm-up-rounds=";
  private static final long WARM_UP_ROUNDS_MAX = 10_000;
  private static final String REHEARSE_ONLY = "--rehearse-only";

  /**
   * Reads the arguments.
   *
   * @throws IllegalArgumentException with a sentence for the user
   */
  static ServerOptions parse(String[] args) {
    long spinMicros = 0;
    int warmUpRounds = 0;
    boolean rehearseOnly = false;
    for (String arg : args) {
      if (arg.startsWith(SPIN)) {
        spinMicros = number(arg, SPIN, SPIN_MICROS_MAX);
      } else if (arg.startsWith(WARM_UP)) {
        warmUpRounds = (int) number(arg, WARM_UP, WARM_UP_ROUNDS_MAX);
      } else if (arg.equals(REHEARSE_ONLY)) {
        rehearseOnly = true;
      } else {
        throw new IllegalArgumentException(
            "unknown argument %s; known: %sN, %sN, %s"
                .formatted(arg, SPIN, WARM_UP, REHEARSE_ONLY));
      }
    }
    return new ServerOptions(TimeUnit.MICROSECONDS.toNanos(spinMicros), warmUpRounds, rehearseOnly);
  }

  private static long number(String arg, String key, long max) {
    String value = arg.substring(key.length());
    if (!value.matches("[0-9]{1,9}") || Long.parseLong(value) > max) {
      throw new IllegalArgumentException(key + value + ": expected a number from 0 to " + max);
    }
    return Long.parseLong(value);
  }
}
