package dev.basepoint.launcher.output;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** A terminal gets colour and boxes, a pipe gets neither. */
final class OutputTest {
  private static final Map<String, String> XTERM = Map.of("TERM", "xterm", "LANG", "C.UTF-8");

  private static Terminal terminal(boolean real, Map<String, String> environment) {
    PrintStream nowhere =
        new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8);
    return Terminal.of(nowhere, nowhere, real, environment);
  }

  private static Table table() {
    Table table = new Table().column("role", Table.Align.LEFT).column("pid", Table.Align.RIGHT);
    table.row("vmm-main", "7");
    table.row(new Table.Cell("blk", Style.GREEN), Table.Cell.of("1234"));
    return table;
  }

  @Test
  void pipeGetsPlainColumns() {
    assertEquals(
        List.of("role       pid", "vmm-main     7", "blk       1234"),
        table().render(terminal(false, XTERM)));
  }

  @Test
  void terminalGetsBoxAndColour() {
    List<String> lines = table().render(terminal(true, XTERM));
    assertEquals("\u001b[2m╭──────────┬──────╮\u001b[0m", lines.getFirst());
    assertTrue(lines.get(4).contains("\u001b[32mblk     \u001b[0m"), lines.get(4));
  }

  @Test
  void terminalWithoutUtf8GetsAsciiBox() {
    List<String> lines = table().render(terminal(true, Map.of("TERM", "dumb", "LANG", "C")));
    assertEquals("+----------+------+", lines.getFirst());
    assertEquals("| blk      | 1234 |", lines.get(4));
  }

  @Test
  void allLinesOfBoxAreEquallyLong() {
    List<String> lines = table().render(terminal(true, Map.of("TERM", "dumb", "LANG", "C.UTF-8")));
    assertEquals(1, lines.stream().map(String::length).distinct().count(), lines.toString());
  }

  @Test
  void rowMustFit() {
    assertThrows(IllegalArgumentException.class, () -> table().row("one cell"));
  }

  @Test
  void colourObeysItsRules() {
    assertTrue(terminal(true, XTERM).outHasColour());
    assertFalse(terminal(false, XTERM).outHasColour());
    assertFalse(terminal(true, Map.of("TERM", "xterm", "NO_COLOR", "1")).outHasColour());
    assertFalse(terminal(true, Map.of("TERM", "dumb")).outHasColour());
    assertFalse(terminal(true, Map.of()).outHasColour());
    assertEquals("x", terminal(false, XTERM).paint(Style.RED, "x"));
  }

  @Test
  void widthComesFromColumns() {
    assertEquals(132, terminal(true, Map.of("COLUMNS", "132")).width());
    assertEquals(40, terminal(true, Map.of("COLUMNS", "1")).width());
    assertEquals(100, terminal(true, Map.of("COLUMNS", "wide")).width());
  }

  /** Opens a latch when something is written. */
  private static final class WatchedStream extends ByteArrayOutputStream {
    final CountDownLatch written = new CountDownLatch(1);

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) {
      super.write(bytes, offset, length);
      written.countDown();
    }
  }

  @Test
  void slowStepIsNamedInPipe() throws Exception {
    WatchedStream bytes = new WatchedStream();
    PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    try (Progress progress = new Progress(Terminal.of(err, err, false, XTERM))) {
      progress.step("quick");
      progress.step("slow");
      assertTrue(bytes.written.await(30, TimeUnit.SECONDS));
    }
    assertEquals("slow ...\n", bytes.toString(StandardCharsets.UTF_8));
  }

  @Test
  void lineOnTerminalIsRemovedAtTheEnd() throws Exception {
    WatchedStream bytes = new WatchedStream();
    PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    try (Progress progress = new Progress(Terminal.of(err, err, true, Map.of("TERM", "dumb")))) {
      progress.step("slow");
      assertTrue(bytes.written.await(30, TimeUnit.SECONDS));
    }
    String text = bytes.toString(StandardCharsets.UTF_8);
    assertTrue(text.startsWith("\r\u001b[Kslow ... "), text);
    assertTrue(text.endsWith("\r\u001b[K"), text);
  }
}
