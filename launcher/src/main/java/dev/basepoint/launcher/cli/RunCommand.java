package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.manifest.LoadedManifest;
import java.nio.file.Path;

/** {@code vmm-launch run}. */
final class RunCommand {
  private final CliContext context;

  RunCommand(CliContext context) {
    this.context = context;
  }

  int run(Arguments arguments) throws Exception {
    LoadedManifest loaded =
        ManifestFile.load(Path.of(arguments.parameter(Commands.MANIFEST).orElseThrow()), context);
    return new VmRun(context, Commands.json(arguments), Commands.sandbox(arguments))
        .run(loaded, true)
        .code();
  }
}
