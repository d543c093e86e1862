package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Table;
import dev.basepoint.launcher.output.Terminal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Shows the facts of a run to people. */
final class RunReport {
  private static final int BAR_WIDTH = 40;
  private static final int FACTS_WIDTH_MIN = 40;

  /** What only says where a device sits in the machine; --json has it, and histograms. */
  private static final Set<String> MACHINE_FACTS =
      Set.of("type", "base", "irq", "offered", "us", "version", "cmdline");

  private final Terminal terminal;

  RunReport(Terminal terminal) {
    this.terminal = terminal;
  }

  void print(RunResult result) {
    if (!result.processes().isEmpty()) {
      heading("Processes");
      processes(result).print(terminal);
    }
    if (!result.guest().isEmpty()) {
      heading("What the guest reports");
      guest(result);
    }
    if (!result.devices().isEmpty()) {
      heading("Devices");
      devices(result).print(terminal);
      int left =
          result.devices().stream().mapToInt(device -> device.name().length()).max().orElse(0);
      for (RunResult.DeviceFacts device : result.devices()) {
        if (!device.more().isEmpty()) {
          group(device.name(), facts(device.more()), left);
        }
      }
    }
    if (!result.timings().isEmpty()) {
      heading("Time line");
      timeline(result).print(terminal);
    }
    outcome(result);
  }

  private void heading(String text) {
    terminal.out().println();
    terminal.out().println(terminal.paint(Style.BOLD, text));
  }

  private static Table processes(RunResult result) {
    Table table =
        new Table()
            .column("role", Table.Align.LEFT)
            .column("name", Table.Align.LEFT)
            .column("pid", Table.Align.RIGHT)
            .column("uid", Table.Align.RIGHT)
            .column("sandbox", Table.Align.LEFT)
            .column("violations", Table.Align.RIGHT)
            .column("private KiB", Table.Align.RIGHT)
            .column("shared KiB", Table.Align.RIGHT);
    for (RunResult.ProcessFacts process : result.processes()) {
      table.row(
          process.role(),
          process.name(),
          Integer.toString(process.pid()),
          Integer.toString(process.uid()),
          process.sandbox(),
          Integer.toString(process.violations()),
          Long.toString(process.privateKib()),
          Long.toString(process.sharedKib()));
    }
    return table;
  }

  private void guest(RunResult result) {
    List<String> single = new ArrayList<>();
    Map<String, List<String>> groups = new LinkedHashMap<>();
    result
        .guest()
        .forEach(
            (key, value) -> {
              if (value instanceof Map<?, ?> map) {
                groups.put(key, facts(map));
              } else {
                single.add(key + " " + plain(value));
              }
            });
    if (!single.isEmpty()) {
      groups.put("guest", single);
    }
    int left = groups.keySet().stream().mapToInt(String::length).max().orElse(0);
    groups.forEach((name, facts) -> group(name, facts, left));
  }

  private static List<String> facts(Map<?, ?> map) {
    List<String> facts = new ArrayList<>();
    map.forEach(
        (key, value) -> {
          if (!isForMachines(String.valueOf(key))) {
            facts.add(key + " " + plain(value));
          }
        });
    return facts;
  }

  private static boolean isForMachines(String key) {
    return MACHINE_FACTS.contains(key) || key.startsWith("shadow.") || key.contains("Below");
  }

  /** A name and its facts, as many to a line as fit. */
  private void group(String name, List<String> facts, int left) {
    int room = Math.max(FACTS_WIDTH_MIN, terminal.width() - left - 4);
    String start =
        "  " + terminal.paint(Style.CYAN, name + " ".repeat(left - name.length())) + "  ";
    StringBuilder line = new StringBuilder();
    for (String fact : facts) {
      if (!line.isEmpty() && line.length() + 2 + fact.length() > room) {
        terminal.out().println(start + line + ",");
        line.setLength(0);
        start = " ".repeat(left + 4);
      }
      line.append(line.isEmpty() ? "" : ", ").append(fact);
    }
    terminal.out().println(start + line);
  }

  private static Table devices(RunResult result) {
    Table table =
        new Table()
            .column("device", Table.Align.LEFT)
            .column("type", Table.Align.LEFT)
            .column("requests", Table.Align.RIGHT)
            .column("bytes", Table.Align.RIGHT)
            .column("errors", Table.Align.RIGHT);
    for (RunResult.DeviceFacts device : result.devices()) {
      table.row(
          Table.Cell.of(device.name()),
          Table.Cell.of(device.type()),
          Table.Cell.of(Long.toString(device.requests())),
          Table.Cell.of(Long.toString(device.bytes())),
          new Table.Cell(
              Long.toString(device.errors()), device.errors() == 0 ? Style.PLAIN : Style.RED));
    }
    return table;
  }

  private Table timeline(RunResult result) {
    Table table =
        new Table()
            .column("event", Table.Align.LEFT)
            .column("ms", Table.Align.RIGHT)
            .column("+ms", Table.Align.RIGHT);
    if (terminal.outIsTerminal()) {
      table.column("", Table.Align.LEFT);
    }
    // A build before the start would leave nothing to see of the rest.
    double from = result.timings().getFirst().millis();
    double total = result.timings().getLast().millis() - from;
    double before = 0;
    for (RunResult.Timing timing : result.timings()) {
      List<Table.Cell> cells = new ArrayList<>();
      cells.add(Table.Cell.of(timing.name()));
      cells.add(Table.Cell.of(millis(timing.millis())));
      cells.add(Table.Cell.of(millis(timing.millis() - before)));
      if (terminal.outIsTerminal()) {
        cells.add(new Table.Cell(bar(before - from, timing.millis() - from, total), Style.CYAN));
      }
      table.row(cells.toArray(Table.Cell[]::new));
      before = timing.millis();
    }
    return table;
  }

  /** What a step took of the whole, at its place in the whole. */
  private String bar(double begin, double end, double total) {
    int first = column(begin, total);
    int last = Math.max(first, column(end, total) - 1);
    String block = terminal.outHasUnicode() ? "\u2588" : "#";
    return " ".repeat(first) + block.repeat(last - first + 1);
  }

  private static int column(double millis, double total) {
    return total <= 0 ? 0 : Math.clamp(Math.round(millis / total * BAR_WIDTH), 0, BAR_WIDTH - 1);
  }

  private static String millis(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }

  private void outcome(RunResult result) {
    boolean good = result.outcome().exitCode() == ExitCode.OK;
    String words = result.outcome().key().replace('-', ' ');
    terminal.out().println();
    terminal
        .out()
        .println(
            terminal.paint(good ? Style.GREEN : Style.RED, "Outcome: " + words)
                + (result.detail().isEmpty() ? "" : " (" + result.detail() + ")"));
  }

  /** Guest text is untrusted: what could steer a terminal is replaced. */
  private static String plain(Object value) {
    String text =
        value instanceof Collection<?> items
            ? items.stream().map(String::valueOf).collect(Collectors.joining(" "))
            : String.valueOf(value);
    return text.replaceAll("\\p{Cntrl}", "?");
  }
}
