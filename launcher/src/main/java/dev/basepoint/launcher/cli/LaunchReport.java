package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.bench.LaunchBench;
import dev.basepoint.launcher.bench.Sample;
import dev.basepoint.launcher.output.Table;
import dev.basepoint.launcher.output.Terminal;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;

/** Shows the launch benchmark to people. */
final class LaunchReport {
  private static final int BAR_CHARS_MAX = 40;

  private final Terminal terminal;

  LaunchReport(Terminal terminal) {
    this.terminal = terminal;
  }

  void print(LaunchBench.Result result) {
    Table table =
        new Table()
            .column("until a VM with three devices runs", Table.Align.LEFT)
            .column("runs", Table.Align.RIGHT)
            .column("p50 ms", Table.Align.RIGHT)
            .column("p99 ms", Table.Align.RIGHT)
            .column("fork / this", Table.Align.RIGHT)
            .column("", Table.Align.LEFT);
    double longest =
        result.bars().values().stream().mapToDouble(bar -> bar.percentile(50)).max().orElse(1);
    result
        .bars()
        .forEach(
            (name, sample) ->
                table.row(
                    name,
                    Integer.toString(sample.count()),
                    millis(sample.percentile(50)),
                    millis(sample.percentile(99)),
                    String.format(
                        Locale.ROOT, "%.4f", result.fork().percentile(50) / sample.percentile(50)),
                    "#".repeat(bar(sample.percentile(50) / longest))));
    table.print(terminal);
    terminal.out().println();
    samples("a fork's steps, since the request", result.steps());
    samples("first request completed, since the request", result.firstRequests());
    result.qemuProblems().forEach(problem -> terminal.out().println("QEMU: " + problem));
    terminal.out().println(result.host().describe());
  }

  private static int bar(double share) {
    return Math.max(1, (int) Math.round(share * BAR_CHARS_MAX));
  }

  private void samples(String heading, SequencedMap<String, Sample> samples) {
    Table table =
        new Table()
            .column(heading, Table.Align.LEFT)
            .column("p50 ms", Table.Align.RIGHT)
            .column("p99 ms", Table.Align.RIGHT);
    for (Map.Entry<String, Sample> entry : samples.entrySet()) {
      table.row(
          entry.getKey(),
          millis(entry.getValue().percentile(50)),
          millis(entry.getValue().percentile(99)));
    }
    table.print(terminal);
    terminal.out().println();
  }

  private static String millis(double millis) {
    return String.format(Locale.ROOT, "%.2f", millis);
  }
}
