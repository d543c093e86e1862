package dev.basepoint.launcher.cli.syntax;

import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Terminal;
import java.util.ArrayList;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.Collectors;

/** Writes the help of a command. */
public final class Help {
  private static final int GAP = 2;
  private static final int TEXT_WIDTH_MIN = 30;

  private final Terminal terminal;
  private final List<String> lines = new ArrayList<>();

  private Help(Terminal terminal) {
    this.terminal = terminal;
  }

  /**
   * Prints the help of the last command of {@code path}.
   *
   * @param path the commands from the program on
   * @param extra a further section for the program's own help: its heading, and words by meaning
   */
  public static void print(
      List<Command> path, String extraHeading, SequencedMap<String, String> extra, Terminal out) {
    Help help = new Help(out);
    help.command(path);
    if (path.size() == 1) {
      help.section(
          extraHeading,
          extra.entrySet().stream().map(e -> new Row(e.getKey(), e.getValue())).toList());
    }
    help.examples(path.getLast());
    help.lines.forEach(out.out()::println);
  }

  private record Row(String left, String right) {}

  private void command(List<Command> path) {
    Command command = path.getLast();
    lines.add(heading("Usage:") + " " + synopsis(path));
    lines.add("");
    lines.addAll(wrapped(command.summary(), terminal.width()));
    section(
        "Commands",
        command.subcommands().stream().map(c -> new Row(c.name(), c.summary())).toList());
    section(
        "Arguments",
        command.parameters().stream().map(p -> new Row(p.label(), p.description())).toList());
    section(
        "Options",
        command.options().stream().map(o -> new Row(spelling(o), o.description())).toList());
  }

  /** The names of the commands of {@code path}, as they are typed. */
  public static String qualifiedName(List<Command> path) {
    return path.stream().map(Command::name).collect(Collectors.joining(" "));
  }

  private static String synopsis(List<Command> path) {
    Command command = path.getLast();
    StringBuilder text = new StringBuilder(qualifiedName(path));
    text.append(command.options().size() > 1 ? " [OPTIONS]" : "");
    text.append(command.subcommands().isEmpty() ? "" : " COMMAND");
    for (Parameter parameter : command.parameters()) {
      text.append(parameter.required() ? " " + parameter.label() : " [" + parameter.label() + "]");
    }
    return text.toString();
  }

  private static String spelling(Option option) {
    String names = String.join(", ", option.names());
    return option.takesValue() ? names + " " + option.valueLabel() : names;
  }

  private void section(String heading, List<Row> rows) {
    if (rows.isEmpty()) {
      return;
    }
    lines.add("");
    lines.add(heading(heading));
    int left = rows.stream().mapToInt(row -> row.left.length()).max().orElse(0);
    int indent = GAP + left + GAP;
    for (Row row : rows) {
      String padded = row.left + " ".repeat(left - row.left.length());
      String start = " ".repeat(GAP) + terminal.paint(Style.CYAN, padded) + " ".repeat(GAP);
      for (String line : wrapped(row.right, Math.max(TEXT_WIDTH_MIN, terminal.width() - indent))) {
        lines.add(start + line);
        start = " ".repeat(indent);
      }
    }
  }

  private void examples(Command command) {
    if (!command.examples().isEmpty()) {
      lines.add("");
      lines.add(heading("Examples"));
      command.examples().forEach(example -> lines.add(" ".repeat(GAP) + example));
    }
  }

  private String heading(String text) {
    return terminal.paint(Style.BOLD, text);
  }

  private static List<String> wrapped(String text, int width) {
    List<String> result = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String word : text.split(" ", -1)) {
      if (!line.isEmpty() && line.length() + 1 + word.length() > width) {
        result.add(line.toString());
        line.setLength(0);
      }
      line.append(line.isEmpty() ? "" : " ").append(word);
    }
    result.add(line.toString());
    return result;
  }
}
