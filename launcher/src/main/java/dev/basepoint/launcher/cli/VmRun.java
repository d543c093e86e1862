package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.group.SandboxLevel;
import dev.basepoint.launcher.manifest.LoadedManifest;
import dev.basepoint.launcher.output.Json;
import dev.basepoint.launcher.output.Progress;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Terminal;
import java.util.ArrayList;
import java.util.List;

/** Runs a VM for the commands run and demo, and shows what there is to show. */
final class VmRun {
  private final CliContext context;
  private final boolean json;
  private final SandboxLevel sandbox;

  /**
   * @param json whether to print one JSON object instead of text
   */
  VmRun(CliContext context, boolean json, SandboxLevel sandbox) {
    this.context = context;
    this.json = json;
    this.sandbox = sandbox;
  }

  ExitCode run(LoadedManifest manifest, boolean showsReports) throws CommandException {
    Terminal terminal = context.terminal();
    manifest.warnings().forEach(warning -> ManifestProblems.print(warning, terminal));
    RunResult result;
    try (Progress progress = new Progress(terminal)) {
      RunRequest request =
          new RunRequest(
              manifest.vm(), context.commandStartEpochMicros(), showsReports, !json, sandbox);
      result = withHandover(context.runner().get().run(request, new Observer(terminal, progress)));
    }
    if (json) {
      terminal.out().println(Json.write(result.toJson()));
    } else {
      new RunReport(terminal).print(result);
    }
    return result.outcome().exitCode();
  }

  /** The start script's part of the time line. */
  private RunResult withHandover(RunResult result) {
    if (context.handoverEpochMicros() == 0) {
      return result;
    }
    double millis = (context.handoverEpochMicros() - context.commandStartEpochMicros()) / 1000.0;
    List<RunResult.Timing> timings = new ArrayList<>(result.timings());
    timings.addFirst(new RunResult.Timing("script.done", millis));
    return new RunResult(
        result.outcome(),
        result.detail(),
        result.guest(),
        result.devices(),
        result.processes(),
        timings);
  }

  private record Observer(Terminal terminal, Progress progress) implements RunObserver {
    @Override
    public void step(String text) {
      progress.step(text);
    }

    @Override
    public void guestRuns() {
      progress.close();
    }

    @Override
    public void warning(String text) {
      progress.clear();
      terminal.err().println(terminal.paintErr(Style.YELLOW, "warning:") + " " + text);
      terminal.err().flush();
    }
  }
}
