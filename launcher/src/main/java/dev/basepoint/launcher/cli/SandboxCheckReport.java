package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.output.Json;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Table;
import dev.basepoint.launcher.output.Terminal;
import dev.basepoint.sandbox.policy.PolicyException;
import dev.basepoint.sandbox.report.PolicyChecker;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/** Shows what {@code sandbox check} found, to people or to programs. */
final class SandboxCheckReport {
  private final Terminal terminal;
  private final boolean json;

  SandboxCheckReport(Terminal terminal, Arguments arguments) {
    this.terminal = terminal;
    this.json = Commands.json(arguments);
  }

  /**
   * A policy file that cannot be accepted.
   *
   * @param given its path as the user gave it, which stands in for its name in the message
   */
  void refused(String given, PolicyException problem) {
    String file = problem.where().file();
    String place = Path.of(given).endsWith(file) ? given : file;
    if (json) {
      SequencedMap<String, Object> fact = new LinkedHashMap<>();
      fact.put("file", place);
      fact.put("line", problem.where().line());
      fact.put("reason", problem.reason());
      print(false, List.of(), List.of(fact));
      return;
    }
    String start = place + ":" + problem.where().line() + ":";
    terminal.err().println(terminal.paintErr(Style.RED, start) + " " + problem.reason());
  }

  void checked(List<PolicyChecker.Report> reports) {
    boolean clean = reports.stream().allMatch(PolicyChecker.Report::clean);
    if (json) {
      print(clean, reports.stream().map(SandboxCheckReport::toJson).toList(), List.of());
      return;
    }
    Table table =
        new Table()
            .column("role", Table.Align.LEFT)
            .column("rules", Table.Align.RIGHT)
            .column("instructions", Table.Align.RIGHT)
            .column("permitted replays", Table.Align.RIGHT)
            .column("forbidden replays", Table.Align.RIGHT)
            .column("failures", Table.Align.RIGHT)
            .column("redundant", Table.Align.RIGHT);
    for (PolicyChecker.Report report : reports) {
      table.row(
          Table.Cell.of(report.role()),
          number(report.rules()),
          number(report.instructions()),
          number(report.permitted()),
          number(report.forbidden()),
          count(report.failures()),
          count(report.redundant()));
    }
    table.print(terminal);
    for (PolicyChecker.Report report : reports) {
      report.failures().forEach(line -> found("failure", report.role(), line));
      report.redundant().forEach(line -> found("redundant", report.role(), line));
    }
    terminal.out().println();
    terminal
        .out()
        .println(
            clean
                ? terminal.paint(Style.GREEN, "Every replay went as the rules demand.")
                : terminal.paint(Style.RED, "Something is wrong; see above."));
  }

  private void found(String kind, String role, String line) {
    terminal.out().println();
    terminal.out().println(terminal.paint(Style.RED, kind) + " in " + role + ": " + line);
  }

  private static Table.Cell number(int value) {
    return Table.Cell.of(Integer.toString(value));
  }

  private static Table.Cell count(List<String> found) {
    return new Table.Cell(
        Integer.toString(found.size()), found.isEmpty() ? Style.GREEN : Style.RED);
  }

  private static SequencedMap<String, Object> toJson(PolicyChecker.Report report) {
    SequencedMap<String, Object> fact = new LinkedHashMap<>();
    fact.put("role", report.role());
    fact.put("clean", report.clean());
    fact.put("rules", report.rules());
    fact.put("instructions", report.instructions());
    fact.put("permitted_replays", report.permitted());
    fact.put("forbidden_replays", report.forbidden());
    fact.put("failures", report.failures());
    fact.put("redundant", report.redundant());
    return fact;
  }

  private void print(boolean clean, List<?> policies, List<?> problems) {
    SequencedMap<String, Object> object = new LinkedHashMap<>();
    object.put("clean", clean);
    object.put("policies", policies);
    object.put("problems", problems);
    terminal.out().println(Json.write(object));
  }
}
