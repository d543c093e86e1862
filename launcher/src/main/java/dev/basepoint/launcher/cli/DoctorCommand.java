package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.doctor.Doctor;
import dev.basepoint.launcher.doctor.Finding;
import dev.basepoint.launcher.output.Json;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Table;
import dev.basepoint.launcher.output.Terminal;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/** {@code vmm-launch doctor}. */
final class DoctorCommand {
  /** What the columns before the details take on a terminal. */
  private static final int OTHER_COLUMNS_WIDTH = 56;

  private static final int DETAIL_WIDTH_MIN = 30;

  private final CliContext context;

  DoctorCommand(CliContext context) {
    this.context = context;
  }

  int run(Arguments arguments) {
    List<Finding> findings = Doctor.ofThisHost().inspect();
    boolean usable = findings.stream().noneMatch(Finding::preventsRunning);
    if (Commands.json(arguments)) {
      SequencedMap<String, Object> object = new LinkedHashMap<>();
      object.put("usable", usable);
      object.put("findings", findings.stream().map(Finding::toJson).toList());
      context.terminal().out().println(Json.write(object));
    } else {
      print(findings, usable);
    }
    return (usable ? ExitCode.OK : ExitCode.HOST_UNSUITABLE).code();
  }

  private void print(List<Finding> findings, boolean usable) {
    Terminal terminal = context.terminal();
    Table table =
        new Table()
            .column("area", Table.Align.LEFT)
            .column("feature", Table.Align.LEFT)
            .column("verdict", Table.Align.LEFT)
            .column("seen", Table.Align.LEFT);
    for (Finding finding : findings) {
      table.row(
          Table.Cell.of(finding.area()),
          Table.Cell.of(finding.feature()),
          new Table.Cell(finding.verdict().key(), style(finding)),
          Table.Cell.of(shortened(finding.detail(), terminal)));
    }
    table.print(terminal);
    for (Finding finding : findings) {
      if (!finding.advice().isEmpty()) {
        String name = finding.area() + ": " + finding.feature();
        terminal.out().println();
        terminal.out().println(terminal.paint(style(finding), name) + ": " + finding.detail());
        terminal.out().println("  " + finding.advice());
      }
    }
    terminal.out().println();
    terminal
        .out()
        .println(
            usable
                ? terminal.paint(Style.GREEN, "VMs can run here.")
                : terminal.paint(Style.RED, "VMs cannot run here: something required is missing."));
  }

  private static Style style(Finding finding) {
    return switch (finding.verdict()) {
      case OK -> Style.GREEN;
      case DEGRADED -> Style.YELLOW;
      case MISSING -> finding.required() ? Style.RED : Style.YELLOW;
    };
  }

  /**
   * A detail that would break the table on this terminal is cut; a pipe and --json have it whole.
   */
  private static String shortened(String text, Terminal terminal) {
    int room = Math.max(DETAIL_WIDTH_MIN, terminal.width() - OTHER_COLUMNS_WIDTH);
    return !terminal.outIsTerminal() || text.length() <= room
        ? text
        : text.substring(0, room - 3) + "...";
  }
}
