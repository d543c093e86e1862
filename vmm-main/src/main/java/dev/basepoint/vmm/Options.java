package dev.basepoint.vmm;

/**
 * vmm-main's command line.
 *
 * @param warmUpRounds how many clones to rehearse before the launcher is answered; 0 for none
 * @param rehearseOnly end after the rehearsal, for the JVM to write its ahead-of-time cache
 */
record Options(int warmUpRounds, boolean rehearseOnly) {
  private static final String WARM_UP = "--warm-up-rounds=";
  private static final int WARM_UP_ROUNDS_MAX = 1000;
  private static final String REHEARSE_ONLY = "--rehearse-only";

  /**
   * Reads the arguments.
   *
   * @throws IllegalArgumentException with a sentence for the user
   */
  static Options parse(String[] args) {
    int warmUpRounds = 0;
    boolean rehearseOnly = false;
    for (String arg : args) {
      if (arg.startsWith(WARM_UP)) {
        warmUpRounds = rounds(arg.substring(WARM_UP.length()));
      } else if (arg.equals(REHEARSE_ONLY)) {
        rehearseOnly = true;
      } else {
        throw new IllegalArgumentException(
            "unknown argument %s; known: %sN, %s".formatted(arg, WARM_UP, REHEARSE_ONLY));
      }
    }
    return new Options(warmUpRounds, rehearseOnly);
  }

  private static int rounds(String value) {
    if (!value.matches("[0-9]{1,4}") || Integer.parseInt(value) > WARM_UP_ROUNDS_MAX) {
      throw new IllegalArgumentException(
          WARM_UP + value + ": expected a number from 0 to " + WARM_UP_ROUNDS_MAX);
    }
    return Integer.parseInt(value);
  }
}
