package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.manifest.ByteSize;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Table;
import dev.basepoint.launcher.output.Terminal;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Collectors;

/** Shows the daemon's facts to people. Where a fact is absent, a dash stands. */
final class FactsReport {
  private static final List<String> PROCESS_COLUMNS =
      List.of("role", "name", "pid", "uid", "sandbox", "violations", "private_kib", "shared_kib");
  private static final List<String> DEVICE_COLUMNS =
      List.of("name", "type", "requests", "bytes", "errors");

  private static final List<String> SNAPSHOT_COLUMNS =
      List.of("name", "tenant", "created", "vcpus", "memory_bytes", "devices", "problem");

  private final Terminal terminal;

  FactsReport(Terminal terminal) {
    this.terminal = terminal;
  }

  /** A table of VMs. */
  void vms(Collection<?> vms) {
    Table table =
        new Table()
            .column("name", Table.Align.LEFT)
            .column("state", Table.Align.LEFT)
            .column("outcome", Table.Align.LEFT)
            .column("origin", Table.Align.LEFT)
            .column("tenant", Table.Align.LEFT)
            .column("vCPUs", Table.Align.RIGHT)
            .column("memory", Table.Align.RIGHT)
            .column("devices", Table.Align.LEFT)
            .column("up", Table.Align.RIGHT);
    for (Object item : vms) {
      Map<?, ?> vm = (Map<?, ?>) item;
      table.row(
          plain(vm.get("name")),
          plain(vm.get("state")),
          plain(vm.get("outcome")),
          plain(vm.get("origin")),
          plain(vm.get("tenant")),
          plain(vm.get("vcpus")),
          vm.get("memory_bytes") instanceof Long bytes ? ByteSize.format(bytes) : "-",
          plain(vm.get("devices")),
          vm.get("uptime_ms") instanceof Long millis ? uptime(millis) : "-");
    }
    table.print(terminal);
  }

  /** A table of snapshots. */
  void snapshots(Collection<?> snapshots) {
    Table table = new Table();
    for (String column : SNAPSHOT_COLUMNS) {
      table.column(column.replace('_', ' '), Table.Align.LEFT);
    }
    for (Object item : snapshots) {
      Map<?, ?> snapshot = (Map<?, ?>) item;
      table.row(
          SNAPSHOT_COLUMNS.stream()
              .map(column -> plain(snapshot.get(column)))
              .toArray(String[]::new));
    }
    table.print(terminal);
  }

  private static String uptime(long millis) {
    Duration up = Duration.ofMillis(millis);
    return up.toHours() > 0
        ? up.toHours() + "h" + up.toMinutesPart() + "m"
        : up.toMinutes() > 0
            ? up.toMinutes() + "m" + up.toSecondsPart() + "s"
            : up.toSeconds() + "." + up.toMillisPart() / 100 + "s";
  }

  /** Everything about one VM. */
  void vm(SequencedMap<String, Object> facts) {
    facts.forEach(
        (key, value) -> {
          if (!(value instanceof Map<?, ?>) && !isListOfMaps(value)) {
            line(key, value);
          }
        });
    table("Processes", facts.get("processes"), PROCESS_COLUMNS);
    table("Devices", facts.get("devices"), DEVICE_COLUMNS);
    section("What the guest reports", facts.get("guest"));
    section("Time line, ms", facts.get("timings"));
    section("Manifest", facts.get("manifest"));
  }

  private static boolean isListOfMaps(Object value) {
    return value instanceof List<?> list && !list.isEmpty() && list.getFirst() instanceof Map;
  }

  private void line(Object key, Object value) {
    terminal.out().println(terminal.paint(Style.CYAN, plain(key)) + "  " + plain(value));
  }

  private void heading(String text) {
    terminal.out().println();
    terminal.out().println(terminal.paint(Style.BOLD, text));
  }

  private void table(String heading, Object rows, List<String> columns) {
    if (!isListOfMaps(rows)) {
      return;
    }
    heading(heading);
    Table table = new Table();
    columns.forEach(column -> table.column(column.replace('_', ' '), Table.Align.LEFT));
    for (Object row : (List<?>) rows) {
      Map<?, ?> map = (Map<?, ?>) row;
      table.row(columns.stream().map(column -> plain(map.get(column))).toArray(String[]::new));
    }
    table.print(terminal);
  }

  private void section(String heading, Object facts) {
    if (facts instanceof Map<?, ?> map && !map.isEmpty()) {
      heading(heading);
      map.forEach(this::line);
    }
  }

  /** A value as text that cannot steer a terminal: some of it comes from guests. */
  static String plain(Object value) {
    String text =
        switch (value) {
          case null -> "-";
          case Collection<?> items ->
              items.isEmpty()
                  ? "-"
                  : items.stream().map(FactsReport::plain).collect(Collectors.joining(" "));
          case Map<?, ?> map ->
              map.entrySet().stream()
                  .map(entry -> plain(entry.getKey()) + " " + plain(entry.getValue()))
                  .collect(Collectors.joining(", "));
          default -> String.valueOf(value);
        };
    return text.replaceAll("\\p{Cntrl}", "?");
  }
}
