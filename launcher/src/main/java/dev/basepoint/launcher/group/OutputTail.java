package dev.basepoint.launcher.group;

import java.nio.charset.StandardCharsets;

/** The last bytes of an endless output, for error reports. */
final class OutputTail {
  private static final int BYTES_MAX = 8 * 1024;

  private final byte[] ring = new byte[BYTES_MAX];
  private long total;

  synchronized void add(byte[] bytes, int count) {
    for (int i = 0; i < count; i++) {
      ring[(int) (total++ % BYTES_MAX)] = bytes[i];
    }
  }

  /** The tail as text, without what a terminal would obey. */
  synchronized String text() {
    int count = (int) Math.min(total, BYTES_MAX);
    byte[] tail = new byte[count];
    for (int i = 0; i < count; i++) {
      tail[i] = ring[(int) ((total - count + i) % BYTES_MAX)];
    }
    return new String(tail, StandardCharsets.UTF_8)
        .replaceAll("[\\p{Cc}\\p{Cf}&&[^\n\t]]", "?")
        .strip();
  }
}
