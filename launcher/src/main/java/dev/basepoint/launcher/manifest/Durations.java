package dev.basepoint.launcher.manifest;

/** Durations as people write them: {@code 500ms}, {@code 30s}, {@code 5m}, {@code 24h}. */
public final class Durations {
  private Durations() {}

  /** Parses a duration that matches the schema's pattern, to milliseconds. */
  public static long parseMillis(String text) {
    if (text.endsWith("ms")) {
      return Long.parseLong(text, 0, text.length() - 2, 10);
    }
    long value = Long.parseLong(text, 0, text.length() - 1, 10);
    return switch (text.charAt(text.length() - 1)) {
      case 'h' -> value * 3_600_000;
      case 'm' -> value * 60_000;
      default -> value * 1000;
    };
  }

  /** Writes {@code millis} in the largest unit that keeps it whole. */
  public static String format(long millis) {
    if (millis % 3_600_000 == 0) {
      return millis / 3_600_000 + "h";
    }
    if (millis % 60_000 == 0) {
      return millis / 60_000 + "m";
    }
    return millis % 1000 == 0 ? millis / 1000 + "s" : millis + "ms";
  }
}
