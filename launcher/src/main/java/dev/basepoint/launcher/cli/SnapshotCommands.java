package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.api.ApiClient;
import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.output.Json;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Terminal;
import java.time.Duration;
import java.util.SequencedMap;

/** {@code vmm-launch snapshot} and {@code vmm-launch restore}. */
final class SnapshotCommands {
  /** RAM and disks may be large and the disk slow. */
  private static final Duration PATIENCE = Duration.ofMinutes(20);

  private final Terminal terminal;

  SnapshotCommands(CliContext context) {
    this.terminal = context.terminal();
  }

  int snapshot(Arguments arguments) throws CommandException {
    String vm = arguments.parameter(DaemonCommands.VM).orElseThrow();
    String name = arguments.value(DaemonCommands.AS).orElse(vm);
    ApiRequest request;
    try {
      request =
          new ApiRequest.CaptureVm(
              vm,
              name,
              arguments.has(DaemonCommands.REPLACE),
              arguments.has(DaemonCommands.TEMPLATE));
    } catch (IllegalArgumentException e) {
      throw new CommandException(ExitCode.USAGE, "snapshot: " + e.getMessage(), e);
    }
    SequencedMap<String, Object> facts = ask(arguments, request);
    show(
        arguments,
        facts,
        "VM "
            + vm
            + " is kept as "
            + FactsReport.plain(facts.get("kind"))
            + " "
            + name
            + "; it stood for "
            + FactsReport.plain(facts.get("paused_ms"))
            + " ms");
    return ExitCode.OK.code();
  }

  int restore(Arguments arguments) throws CommandException {
    ApiRequest request;
    try {
      request =
          new ApiRequest.RestoreVm(
              arguments.parameter(DaemonCommands.SNAPSHOT).orElseThrow(),
              arguments.value(DaemonCommands.RESTORED_NAME).orElse(""));
    } catch (IllegalArgumentException e) {
      throw new CommandException(ExitCode.USAGE, "restore: " + e.getMessage(), e);
    }
    SequencedMap<String, Object> facts = ask(arguments, request);
    show(arguments, facts, "VM " + FactsReport.plain(facts.get("name")) + " goes on");
    return ExitCode.OK.code();
  }

  private static SequencedMap<String, Object> ask(Arguments arguments, ApiRequest request)
      throws CommandException {
    try (ApiClient client = DaemonAccess.connect(arguments)) {
      return client.facts(request, PATIENCE);
    }
  }

  private void show(Arguments arguments, SequencedMap<String, Object> facts, String sentence) {
    terminal
        .out()
        .println(
            Commands.json(arguments) ? Json.write(facts) : terminal.paint(Style.GREEN, sentence));
  }
}
