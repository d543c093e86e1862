package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Table;
import dev.basepoint.launcher.output.Terminal;
import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** Shows the facts of a run to people. */
final class RunReport {
  private static final int BAR_WIDTH = 40;

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
      guest(result).print(terminal);
    }
    if (!result.devices().isEmpty()) {
      heading("Devices");
      devices(result).print(terminal);
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
            .column("private KiB", Table.Align.RIGHT)
            .column("shared KiB", Table.Align.RIGHT);
    for (RunResult.ProcessFacts process : result.processes()) {
      table.row(
          process.role(),
          process.name(),
          Integer.toString(process.pid()),
          Long.toString(process.privateKib()),
          Long.toString(process.sharedKib()));
    }
    return table;
  }

  private static Table guest(RunResult result) {
    Table table = new Table().column("what", Table.Align.LEFT).column("value", Table.Align.LEFT);
    result.guest().forEach((key, value) -> fact(table, key, value));
    return table;
  }

  private static void fact(Table table, String key, Object value) {
    if (value instanceof Map<?, ?> map) {
      map.forEach((child, childValue) -> fact(table, key + "." + child, childValue));
    } else {
      table.row(key, plain(value));
    }
  }

  private static Table devices(RunResult result) {
    Table table =
        new Table()
            .column("device", Table.Align.LEFT)
            .column("type", Table.Align.LEFT)
            .column("requests", Table.Align.RIGHT)
            .column("bytes", Table.Align.RIGHT)
            .column("errors", Table.Align.RIGHT)
            .column("more", Table.Align.LEFT);
    for (RunResult.DeviceFacts device : result.devices()) {
      table.row(
          Table.Cell.of(device.name()),
          Table.Cell.of(device.type()),
          Table.Cell.of(Long.toString(device.requests())),
          Table.Cell.of(Long.toString(device.bytes())),
          new Table.Cell(
              Long.toString(device.errors()), device.errors() == 0 ? Style.PLAIN : Style.RED),
          Table.Cell.of(
              device.more().entrySet().stream()
                  .map(entry -> entry.getKey() + " " + plain(entry.getValue()))
                  .collect(Collectors.joining(", "))));
    }
    return table;
  }

  private static Table timeline(RunResult result) {
    Table table =
        new Table()
            .column("from the command on", Table.Align.LEFT)
            .column("ms", Table.Align.RIGHT)
            .column("", Table.Align.LEFT);
    double total = result.timings().getLast().millis();
    for (RunResult.Timing timing : result.timings()) {
      int length = total <= 0 ? 0 : (int) Math.round(timing.millis() / total * BAR_WIDTH);
      table.row(
          Table.Cell.of(timing.name()),
          Table.Cell.of(String.format(Locale.ROOT, "%.1f", timing.millis())),
          new Table.Cell("#".repeat(Math.clamp(length, 0, BAR_WIDTH)), Style.CYAN));
    }
    return table;
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
