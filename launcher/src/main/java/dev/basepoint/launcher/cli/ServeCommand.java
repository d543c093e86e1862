package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.api.DaemonPaths;
import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.daemon.Daemon;
import dev.basepoint.launcher.daemon.DaemonLog;
import dev.basepoint.launcher.daemon.DaemonOptions;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.StopSignals;
import dev.basepoint.launcher.output.Json;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Terminal;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;

/** {@code vmm-launch serve}. */
final class ServeCommand {
  private static final int VMS_MAX_MAX = 10_000;

  private final CliContext context;

  ServeCommand(CliContext context) {
    this.context = context;
  }

  int run(Arguments arguments) throws CommandException {
    DaemonPaths paths = DaemonAccess.paths(arguments);
    DaemonOptions options =
        new DaemonOptions(
            OptionValues.count(arguments, DaemonCommands.MAX_VMS, 1, VMS_MAX_MAX)
                .orElse(DaemonOptions.VMS_MAX_DEFAULT),
            OptionValues.bytes(arguments, DaemonCommands.MEMORY)
                .orElseGet(() -> context.host().get().memoryBytes()));
    DaemonLog log = Commands.json(arguments) ? this::logJson : this::logText;
    CompletableFuture<Outcome> stop = new CompletableFuture<>();
    try (StopSignals _ = StopSignals.install(stop::complete);
        Daemon daemon = Daemon.open(paths, Installation.current(), options, log)) {
      log.log("serving", daemon.status());
      SequencedMap<String, Object> reason = new LinkedHashMap<>();
      reason.put("reason", stop.join().key());
      log.log("stopping", reason);
    }
    log.log("stopped", new LinkedHashMap<>());
    return ExitCode.OK.code();
  }

  private synchronized void logJson(String event, SequencedMap<String, Object> facts) {
    SequencedMap<String, Object> line = new LinkedHashMap<>();
    line.put("event", event);
    line.put("epoch_ms", System.currentTimeMillis());
    line.putAll(facts);
    context.terminal().out().println(Json.write(line));
    context.terminal().out().flush();
  }

  private synchronized void logText(String event, SequencedMap<String, Object> facts) {
    Terminal terminal = context.terminal();
    String text =
        facts.entrySet().stream()
            .filter(fact -> !String.valueOf(fact.getValue()).isEmpty())
            .map(fact -> fact.getKey() + " " + FactsReport.plain(fact.getValue()))
            .collect(Collectors.joining(", "));
    String time = LocalTime.now(ZoneId.systemDefault()).truncatedTo(ChronoUnit.SECONDS).toString();
    terminal.out().println(time + " " + terminal.paint(Style.BOLD, event) + "  " + text);
    terminal.out().flush();
  }
}
