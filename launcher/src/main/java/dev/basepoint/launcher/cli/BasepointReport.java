package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.manifest.ByteSize;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Table;
import dev.basepoint.launcher.output.Terminal;
import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Collectors;

/** Shows facts about templates to people. */
final class BasepointReport {
  private static final double MIB = 1 << 20;

  private final Terminal terminal;

  BasepointReport(Terminal terminal) {
    this.terminal = terminal;
  }

  /** What was made. */
  void created(SequencedMap<String, Object> facts) {
    terminal
        .out()
        .println(
            terminal.paint(Style.GREEN, "template " + facts.get("name"))
                + String.format(
                    Locale.ROOT,
                    " is kept: %s of %s of RAM are in use, %s on disk; ready after %.0f ms, kept"
                        + " after %.0f ms",
                    mib(facts.get("ram_bytes")),
                    mib(facts.get("memory_bytes")),
                    mib(facts.get("disk_bytes")),
                    (Double) facts.get("ready_ms"),
                    (Double) facts.get("total_ms")));
  }

  /** A table of templates. */
  void list(Collection<?> templates) {
    if (templates.isEmpty()) {
      terminal.out().println("no templates; make one with: vmm-launch basepoint create MANIFEST");
      return;
    }
    Table table =
        new Table()
            .column("name", Table.Align.LEFT)
            .column("state", Table.Align.LEFT)
            .column("tenant", Table.Align.LEFT)
            .column("created", Table.Align.LEFT)
            .column("vCPUs", Table.Align.RIGHT)
            .column("memory", Table.Align.RIGHT)
            .column("devices", Table.Align.LEFT)
            .column("forks", Table.Align.RIGHT);
    for (Object item : templates) {
      Map<?, ?> template = (Map<?, ?>) item;
      table.row(
          plain(template.get("name")),
          template.containsKey("problem") ? plain(template.get("problem")) : "usable",
          plain(template.get("tenant")),
          plain(template.get("created")),
          plain(template.get("vcpus")),
          template.get("memory_bytes") instanceof Long bytes ? ByteSize.format(bytes) : "-",
          plain(template.get("devices")),
          plain(template.get("forks")));
    }
    table.print(terminal);
    for (Object item : templates) {
      if (((Map<?, ?>) item).get("problem_text") instanceof String problem) {
        terminal.out().println(terminal.paint(Style.YELLOW, "problem:") + " " + problem);
      }
    }
  }

  /** Everything about one template. */
  void template(SequencedMap<String, Object> facts) {
    facts.forEach(
        (key, value) -> {
          if (!key.equals("manifest")) {
            print(key, value, "");
          }
        });
    terminal.out().println(terminal.paint(Style.CYAN, "manifest"));
    String.valueOf(facts.get("manifest"))
        .lines()
        .forEach(line -> terminal.out().println("  " + line));
  }

  private void print(Object key, Object value, String indent) {
    String label = indent + terminal.paint(Style.CYAN, String.valueOf(key));
    switch (value) {
      case Map<?, ?> map when !map.isEmpty() -> {
        terminal.out().println(label);
        map.forEach((name, member) -> print(name, member, indent + "  "));
      }
      case Collection<?> items when items.stream().anyMatch(Map.class::isInstance) -> {
        terminal.out().println(label);
        items.forEach(item -> terminal.out().println(indent + "  - " + plain(item)));
      }
      default -> terminal.out().println(label + "  " + plain(value));
    }
  }

  /** What a check found to be whole. */
  void verified(SequencedMap<String, Object> facts) {
    terminal
        .out()
        .println(
            terminal.paint(Style.GREEN, "whole:")
                + String.format(
                    Locale.ROOT,
                    " every byte of template %s and its images is what was stored (%d files, %s on"
                        + " disk, %d ms)",
                    facts.get("name"),
                    (Long) facts.get("files"),
                    mib(facts.get("disk_bytes")),
                    (Long) facts.get("millis")));
  }

  private static String mib(Object bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", (Long) bytes / MIB);
  }

  private static String plain(Object value) {
    return switch (value) {
      case null -> "-";
      case Collection<?> items ->
          items.isEmpty()
              ? "none"
              : items.stream().map(BasepointReport::plain).collect(Collectors.joining(", "));
      case Map<?, ?> map ->
          map.entrySet().stream()
              .map(entry -> entry.getKey() + " " + plain(entry.getValue()))
              .collect(Collectors.joining(", "));
      default -> String.valueOf(value);
    };
  }
}
