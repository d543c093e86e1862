package dev.basepoint.launcher.basepoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Whether a guest is ready, by what it writes. */
final class ConsoleWatchTest {
  private static void write(ConsoleWatch watch, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    watch.write(bytes, bytes.length);
  }

  private static boolean finds(String regex, String... chunks) {
    ConsoleWatch watch = new ConsoleWatch(Pattern.compile(regex));
    for (String chunk : chunks) {
      write(watch, chunk);
    }
    return watch.found().isDone();
  }

  @Test
  void patternsAreLookedForInLines() {
    assertTrue(finds("login:", "booting\nlo", "gin: "));
    assertTrue(finds("^ready$", "not ready\r\nready\r\n"));
    assertTrue(finds("grüße", "die grüße\n"));
    assertFalse(finds("^ready$", "not ready\nready, almost\n"));
    assertFalse(finds("one.*two", "one\ntwo\n"));
    assertTrue(finds("x{10}", "y".repeat(10_000) + "\n" + "x".repeat(10)));
  }

  @Test
  void patternsThatNeverEndFindNothing() {
    assertFalse(finds("(a*)*b", "a".repeat(4000) + "\n"));
    assertTrue(finds("(a*)*b", "a".repeat(4000) + "\n", "ab\n"));
  }

  @Test
  void theLastOfTheConsoleIsFitToBeShown() {
    ConsoleWatch watch = new ConsoleWatch(null);
    assertEquals("", watch.tail());
    write(watch, "old ".repeat(1000));
    write(watch, "\u001b[2Jpanic\u0007: at the end\n");
    assertTrue(watch.tail().endsWith("[2Jpanic: at the end"), watch.tail());
    assertTrue(watch.tail().length() <= 1000);
  }
}
