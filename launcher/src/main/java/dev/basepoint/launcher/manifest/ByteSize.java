package dev.basepoint.launcher.manifest;

import java.util.OptionalLong;

/** Sizes as people write them: {@code 64KiB}, {@code 512MiB}, {@code 1GiB}. */
public final class ByteSize {
  private static final String[] UNITS = {"KiB", "MiB", "GiB", "TiB"};

  private ByteSize() {}

  /** Parses a size that matches the schema's pattern; overflow cannot happen within its digits. */
  public static long parse(String text) {
    int shift = 10;
    for (String unit : UNITS) {
      if (text.endsWith(unit)) {
        return Long.parseLong(text, 0, text.length() - unit.length(), 10) << shift;
      }
      shift += 10;
    }
    throw new IllegalArgumentException("no size: " + text);
  }

  /** Parses what a user wrote; empty if it is no size with a unit. */
  public static OptionalLong tryParse(String text) {
    return text.matches("[1-9][0-9]{0,5}(KiB|MiB|GiB|TiB)")
        ? OptionalLong.of(parse(text))
        : OptionalLong.empty();
  }

  /**
   * Writes {@code bytes} in the largest unit that keeps it whole; bytes without a unit if none
   * does.
   */
  public static String format(long bytes) {
    String text = Long.toString(bytes);
    long value = bytes;
    for (String unit : UNITS) {
      if (value == 0 || value % 1024 != 0) {
        break;
      }
      value /= 1024;
      text = value + unit;
    }
    return text;
  }
}
