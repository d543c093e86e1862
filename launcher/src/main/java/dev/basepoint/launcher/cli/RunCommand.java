package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.manifest.LoadedManifest;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code vmm-launch run}. */
@Command(
    name = "run",
    description = "Run the VM that a manifest describes until its guest stops.",
    footerHeading = "%nExamples%n",
    footer = {
      "  vmm-launch run examples/probe.yaml",
      "  vmm-launch run examples/probe.yaml --json | tail -n 1 | jq .timings"
    })
final class RunCommand implements Callable<Integer> {
  private final CliContext context;

  @Parameters(paramLabel = "MANIFEST", description = "YAML or JSON file, see docs/manifest.md.")
  private Path manifest;

  @Mixin private JsonOption json;

  RunCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws Exception {
    LoadedManifest loaded = ManifestFile.load(manifest, context);
    return new VmRun(context, json.isSet()).run(loaded).code();
  }
}
