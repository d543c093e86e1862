package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.api.ApiClient;
import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.manifest.LoadedManifest;
import dev.basepoint.launcher.manifest.ManifestWriter;
import dev.basepoint.launcher.output.Json;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Terminal;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.SequencedMap;

/** Commands that act on VMs in the daemon: start, ps, inspect, pause, resume, stop. */
final class VmCommands {
  /** A start has several steps, each with the manifest's deadline, and then there is the queue. */
  private static final int START_STEPS_MAX = 20;

  /** Beyond the patience with its processes, for what ending a VM takes. */
  private static final Duration STOP_EXTRA = Duration.ofSeconds(60);

  private final CliContext context;
  private final Terminal terminal;

  VmCommands(CliContext context) {
    this.context = context;
    this.terminal = context.terminal();
  }

  int start(Arguments arguments) throws Exception {
    Path file = Path.of(arguments.parameter(Commands.MANIFEST).orElseThrow());
    LoadedManifest loaded = ManifestFile.load(file, context);
    loaded.warnings().forEach(warning -> ManifestProblems.print(warning, terminal));
    SequencedMap<String, Object> manifest = ManifestWriter.write(loaded.vm());
    arguments.value(DaemonCommands.NAME).ifPresent(name -> manifest.put("name", name));
    ApiRequest request =
        new ApiRequest.StartVm(
            Json.write(manifest),
            Commands.sandbox(arguments).key(),
            context.commandStartEpochMicros());
    Duration timeout =
        Duration.ofMillis(loaded.vm().timeouts().startMillis()).multipliedBy(START_STEPS_MAX);
    SequencedMap<String, Object> facts = ask(arguments, request, timeout);
    show(arguments, facts, "VM " + facts.get("name") + " runs");
    return ExitCode.OK.code();
  }

  int ps(Arguments arguments) throws CommandException {
    ApiRequest request = new ApiRequest.ListVms(arguments.has(DaemonCommands.ALL));
    SequencedMap<String, Object> facts = ask(arguments, request, ApiClient.QUICK);
    if (Commands.json(arguments)) {
      terminal.out().println(Json.write(facts));
    } else {
      new FactsReport(terminal).vms((Collection<?>) facts.get("vms"));
    }
    return ExitCode.OK.code();
  }

  int inspect(Arguments arguments) throws CommandException {
    ApiRequest request = named(arguments, ApiRequest.InspectVm::new);
    SequencedMap<String, Object> facts = ask(arguments, request, Duration.ofSeconds(30));
    if (Commands.json(arguments)) {
      terminal.out().println(Json.write(facts));
    } else {
      new FactsReport(terminal).vm(facts);
    }
    return ExitCode.OK.code();
  }

  int pause(Arguments arguments) throws CommandException {
    ApiRequest request = named(arguments, ApiRequest.PauseVm::new);
    SequencedMap<String, Object> facts = ask(arguments, request, ApiClient.QUICK);
    show(arguments, facts, "VM " + facts.get("name") + " is paused");
    return ExitCode.OK.code();
  }

  int resume(Arguments arguments) throws CommandException {
    ApiRequest request = named(arguments, ApiRequest.ResumeVm::new);
    SequencedMap<String, Object> facts = ask(arguments, request, ApiClient.QUICK);
    show(arguments, facts, "VM " + facts.get("name") + " goes on");
    return ExitCode.OK.code();
  }

  int stop(Arguments arguments) throws CommandException {
    long patienceMillis =
        OptionValues.millis(
                arguments, DaemonCommands.TIMEOUT, ApiRequest.StopVm.PATIENCE_MILLIS_MAX)
            .orElse(0L);
    ApiRequest request =
        named(arguments, vm -> new ApiRequest.StopVm(vm, Math.toIntExact(patienceMillis)));
    Duration timeout = STOP_EXTRA.plusMillis(2 * patienceMillis);
    SequencedMap<String, Object> facts = ask(arguments, request, timeout);
    show(
        arguments,
        facts,
        "VM " + facts.get("name") + " has ended: " + FactsReport.plain(facts.get("outcome")));
    return ExitCode.OK.code();
  }

  /** Makes a request about the VM that the command line names. */
  static <T extends ApiRequest> T named(
      Arguments arguments, java.util.function.Function<String, T> request) throws CommandException {
    try {
      return request.apply(arguments.parameter(DaemonCommands.VM).orElseThrow());
    } catch (IllegalArgumentException e) {
      throw new CommandException(
          ExitCode.NOT_FOUND,
          "there can be no VM of that name: " + e.getMessage() + "; list all with: vmm-launch ps",
          e);
    }
  }

  private static SequencedMap<String, Object> ask(
      Arguments arguments, ApiRequest request, Duration timeout) throws CommandException {
    try (ApiClient client = DaemonAccess.connect(arguments)) {
      return client.facts(request, timeout);
    }
  }

  private void show(Arguments arguments, SequencedMap<String, Object> facts, String sentence) {
    terminal
        .out()
        .println(
            Commands.json(arguments) ? Json.write(facts) : terminal.paint(Style.GREEN, sentence));
  }
}
