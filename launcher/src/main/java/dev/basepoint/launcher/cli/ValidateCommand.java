package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.manifest.ByteSize;
import dev.basepoint.launcher.manifest.DeviceSpec;
import dev.basepoint.launcher.manifest.LoadedManifest;
import dev.basepoint.launcher.manifest.ManifestException;
import dev.basepoint.launcher.manifest.ManifestSchema;
import dev.basepoint.launcher.manifest.ManifestWriter;
import dev.basepoint.launcher.manifest.Problem;
import dev.basepoint.launcher.manifest.VmManifest;
import dev.basepoint.launcher.output.Json;
import dev.basepoint.launcher.output.Style;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.Collectors;

/** {@code vmm-launch validate}. */
final class ValidateCommand {
  private final CliContext context;

  ValidateCommand(CliContext context) {
    this.context = context;
  }

  int run(Arguments arguments) throws Exception {
    if (arguments.has(Commands.SCHEMA)) {
      context.terminal().out().print(ManifestSchema.text());
      return ExitCode.OK.code();
    }
    String manifest =
        arguments
            .parameter(Commands.MANIFEST)
            .orElseThrow(
                () ->
                    new CommandException(
                        ExitCode.USAGE, "name the manifest to check, or ask for the --schema"));
    LoadedManifest loaded;
    try {
      loaded = ManifestFile.load(Path.of(manifest), context);
    } catch (ManifestException e) {
      if (!Commands.json(arguments)) {
        throw e;
      }
      printJson(false, null, e.problems());
      return ExitCode.INPUT_INVALID.code();
    }
    if (Commands.json(arguments)) {
      printJson(true, ManifestWriter.write(loaded.vm()), loaded.warnings());
    } else {
      loaded.warnings().forEach(w -> ManifestProblems.print(w, context.terminal()));
      context.terminal().out().println(summary(manifest, loaded.vm()));
    }
    return ExitCode.OK.code();
  }

  private void printJson(
      boolean valid, SequencedMap<String, Object> manifest, List<Problem> problems) {
    SequencedMap<String, Object> object = new LinkedHashMap<>();
    object.put("valid", valid);
    if (manifest != null) {
      object.put("manifest", manifest);
    }
    object.put("problems", problems.stream().map(ManifestProblems::toJson).toList());
    context.terminal().out().println(Json.write(object));
  }

  private String summary(String manifest, VmManifest vm) {
    String devices =
        vm.devices().isEmpty()
            ? "no devices"
            : vm.devices().stream().map(DeviceSpec::name).collect(Collectors.joining(", "));
    return context.terminal().paint(Style.GREEN, "valid:")
        + String.format(
            " %s describes VM %s with %d vCPU%s, %s of memory and %s",
            manifest,
            vm.name(),
            vm.vcpus(),
            vm.vcpus() == 1 ? "" : "s",
            ByteSize.format(vm.memoryBytes()),
            devices);
  }
}
