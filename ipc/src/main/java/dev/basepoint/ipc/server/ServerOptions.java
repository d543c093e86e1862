package dev.basepoint.ipc.server;

import java.util.concurrent.TimeUnit;

/**
 * A device server's command line.
 *
 * @param spinNanos how long the queue thread looks for work after the last of it before it sleeps;
 *     0 sleeps at once, which is right unless a CPU is to spare
 */
record ServerOptions(long spinNanos) {
  private static final String SPIN = "--spin-micros=";
  private static final long SPIN_MICROS_MAX = 10_000;

  /**
   * Reads the arguments.
   *
   * @throws IllegalArgumentException with a sentence for the user
   */
  static ServerOptions parse(String[] args) {
    long spinMicros = 0;
    for (String arg : args) {
      if (!arg.startsWith(SPIN)) {
        throw new IllegalArgumentException("unknown argument " + arg + "; known: " + SPIN + "N");
      }
      spinMicros = number(arg, SPIN, SPIN_MICROS_MAX);
    }
    return new ServerOptions(TimeUnit.MICROSECONDS.toNanos(spinMicros));
  }

  private static long number(String arg, String key, long max) {
    String value = arg.substring(key.length());
    if (!value.matches("[0-9]{1,9}") || Long.parseLong(value) > max) {
      throw new IllegalArgumentException(key + value + ": expected a number from 0 to " + max);
    }
    return Long.parseLong(value);
  }
}
