package dev.basepoint.launcher.basepoint;

import dev.basepoint.launcher.group.GuestConsole;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;

/**
 * Looks for a pattern in what a guest writes to its console, and keeps the last of it. The guest is
 * not trusted: lines are bounded, and so is the work on one.
 */
final class ConsoleWatch implements GuestConsole.Sink {
  private static final int LINE_BYTES_MAX = 4096;
  private static final int TAIL_CHARS_MAX = 1000;

  /** A pattern that goes back and forth on a line longer than this has not found it. */
  private static final int STEPS_MAX = 1_000_000;

  private final Pattern pattern;
  private final CompletableFuture<Void> found = new CompletableFuture<>();
  private final byte[] line = new byte[LINE_BYTES_MAX];
  private final StringBuilder tail = new StringBuilder();
  private int length;

  /**
   * @param pattern looked for in each line, or null for nothing
   */
  ConsoleWatch(Pattern pattern) {
    this.pattern = pattern;
  }

  @Override
  public synchronized void write(byte[] bytes, int count) {
    tail.append(new String(bytes, 0, count, StandardCharsets.ISO_8859_1));
    tail.delete(0, Math.max(0, tail.length() - TAIL_CHARS_MAX));
    if (pattern == null || found.isDone()) {
      return;
    }
    for (int i = 0; i < count; i++) {
      if (bytes[i] == '\n') {
        look();
        length = 0;
      } else if (length < LINE_BYTES_MAX) {
        line[length++] = bytes[i];
      }
    }
    // A prompt waits on its line without ending it.
    look();
  }

  private void look() {
    String text = new String(line, 0, length, StandardCharsets.UTF_8).stripTrailing();
    try {
      if (pattern.matcher(new CountedText(text, new int[] {STEPS_MAX})).find()) {
        found.complete(null);
      }
    } catch (TooManyStepsException e) {
      // Not found, as far as anybody can wait.
    }
  }

  /** Completed when the pattern was found. */
  CompletableFuture<Void> found() {
    return found;
  }

  /** The last that the guest wrote, fit to be shown; empty if it wrote nothing. */
  synchronized String tail() {
    return tail.toString().replaceAll("[^\\n\\x20-\\x7e]", "").strip();
  }

  private static final class TooManyStepsException extends RuntimeException {
    TooManyStepsException() {
      super(null, null, false, false);
    }
  }

  /** Text that may be looked at so many times and no more. */
  private record CountedText(String text, int[] left) implements CharSequence {
    @Override
    public int length() {
      return text.length();
    }

    @Override
    public char charAt(int index) {
      if (left[0]-- <= 0) {
        throw new TooManyStepsException();
      }
      return text.charAt(index);
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return new CountedText(text.substring(start, end), left);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
