package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.manifest.LoadedManifest;
import dev.basepoint.launcher.output.Json;
import dev.basepoint.launcher.output.Progress;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Terminal;

/** Runs a VM for the commands run and demo, and shows what there is to show. */
final class VmRun {
  private final CliContext context;
  private final boolean json;

  VmRun(CliContext context, boolean json) {
    this.context = context;
    this.json = json;
  }

  ExitCode run(LoadedManifest manifest) throws CommandException {
    Terminal terminal = context.terminal();
    manifest.warnings().forEach(warning -> ManifestProblems.print(warning, terminal));
    RunResult result;
    try (Progress progress = new Progress(terminal)) {
      RunRequest request = new RunRequest(manifest.vm(), context.commandStartEpochMicros(), !json);
      result = context.runner().get().run(request, new Observer(terminal, progress));
    }
    if (json) {
      terminal.out().println(Json.write(result.toJson()));
    } else {
      new RunReport(terminal).print(result);
    }
    return result.outcome().exitCode();
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
