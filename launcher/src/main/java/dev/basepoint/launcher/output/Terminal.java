package dev.basepoint.launcher.output;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/**
 * Standard output and standard error, and what may be written to them: colour and box characters
 * only to a terminal, never to a pipe, and no colour where NO_COLOR is set or TERM is dumb.
 */
public final class Terminal {
  private static final int WIDTH_DEFAULT = 100;
  private static final int WIDTH_MIN = 40;

  private final PrintStream out;
  private final PrintStream err;
  private final boolean outIsTerminal;
  private final boolean errIsTerminal;
  private final boolean colour;
  private final boolean unicode;
  private final int width;

  private Terminal(
      PrintStream out,
      PrintStream err,
      boolean outIsTerminal,
      boolean errIsTerminal,
      Map<String, String> environment) {
    this.out = out;
    this.err = err;
    this.outIsTerminal = outIsTerminal;
    this.errIsTerminal = errIsTerminal;
    this.colour =
        environment.getOrDefault("NO_COLOR", "").isEmpty()
            && !environment.getOrDefault("TERM", "dumb").equals("dumb");
    this.unicode = isUtf8(environment);
    this.width = width(environment.get("COLUMNS"));
  }

  /** The process's own streams. */
  public static Terminal system() {
    return new Terminal(
        stream(FileDescriptor.out),
        stream(FileDescriptor.err),
        isTerminal(1),
        isTerminal(2),
        System.getenv());
  }

  /** Streams that a caller provides, as terminals or as pipes. */
  public static Terminal of(
      PrintStream out, PrintStream err, boolean areTerminals, Map<String, String> environment) {
    return new Terminal(out, err, areTerminals, areTerminals, environment);
  }

  private static PrintStream stream(FileDescriptor descriptor) {
    return new PrintStream(new FileOutputStream(descriptor), false, StandardCharsets.UTF_8);
  }

  /** By the descriptor's name in /proc: isatty(3) would cost the start of the native linker. */
  private static boolean isTerminal(int descriptor) {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor)).toString();
      return target.startsWith("/dev/pts/")
          || target.startsWith("/dev/tty")
          || target.equals("/dev/console");
    } catch (IOException e) {
      return false;
    }
  }

  private static boolean isUtf8(Map<String, String> environment) {
    for (String name : new String[] {"LC_ALL", "LC_CTYPE", "LANG"}) {
      String value = environment.getOrDefault(name, "");
      if (!value.isEmpty()) {
        String locale = value.toUpperCase(Locale.ROOT);
        return locale.contains("UTF-8") || locale.contains("UTF8");
      }
    }
    return false;
  }

  private static int width(String columns) {
    try {
      return columns == null ? WIDTH_DEFAULT : Math.max(WIDTH_MIN, Integer.parseInt(columns));
    } catch (NumberFormatException e) {
      return WIDTH_DEFAULT;
    }
  }

  /** Where results go. */
  public PrintStream out() {
    return out;
  }

  /** Where problems and progress go. */
  public PrintStream err() {
    return err;
  }

  /** Whether standard output is a terminal. */
  public boolean outIsTerminal() {
    return outIsTerminal;
  }

  /** Whether standard error is a terminal. */
  public boolean errIsTerminal() {
    return errIsTerminal;
  }

  /** Whether standard output takes colour. */
  public boolean outHasColour() {
    return outIsTerminal && colour;
  }

  /** Whether standard output shows box-drawing characters. */
  public boolean outHasUnicode() {
    return outIsTerminal && unicode;
  }

  /** Columns of the terminal; a sensible width for a pipe. */
  public int width() {
    return width;
  }

  /** {@code text} as it looks on standard output. */
  public String paint(Style style, String text) {
    return paint(style, text, outIsTerminal);
  }

  /** {@code text} as it looks on standard error. */
  public String paintErr(Style style, String text) {
    return paint(style, text, errIsTerminal);
  }

  private String paint(Style style, String text, boolean terminal) {
    return colour && terminal && style != Style.PLAIN && !text.isEmpty()
        ? "\u001b[" + style.code() + "m" + text + "\u001b[0m"
        : text;
  }
}
