package dev.basepoint.launcher.cli;

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
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code vmm-launch validate}. */
@Command(
    name = "validate",
    description = "Check a manifest and list everything that is wrong with it.",
    footerHeading = "%nExamples%n",
    footer = {
      "  vmm-launch validate my-vm.yaml",
      "  vmm-launch validate my-vm.yaml --json    the manifest with every default filled in",
      "  vmm-launch validate --schema             the JSON Schema, for editors"
    })
final class ValidateCommand implements Callable<Integer> {
  private final CliContext context;

  @ArgGroup(multiplicity = "1")
  private Subject subject;

  @Mixin private JsonOption json;

  /** Either a manifest or the schema. */
  static final class Subject {
    @Parameters(paramLabel = "MANIFEST", description = "YAML or JSON file.")
    private Path manifest;

    @Option(names = "--schema", description = "Print the JSON Schema of manifests instead.")
    private boolean schema;
  }

  ValidateCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws Exception {
    if (subject.schema) {
      context.terminal().out().print(ManifestSchema.text());
      return ExitCode.OK.code();
    }
    LoadedManifest loaded;
    try {
      loaded = ManifestFile.load(subject.manifest, context);
    } catch (ManifestException e) {
      if (!json.isSet()) {
        throw e;
      }
      printJson(false, null, e.problems());
      return ExitCode.MANIFEST_INVALID.code();
    }
    if (json.isSet()) {
      printJson(true, ManifestWriter.write(loaded.vm()), loaded.warnings());
    } else {
      loaded.warnings().forEach(w -> ManifestProblems.print(w, context.terminal()));
      context.terminal().out().println(summary(loaded.vm()));
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

  private String summary(VmManifest vm) {
    String devices =
        vm.devices().isEmpty()
            ? "no devices"
            : vm.devices().stream().map(DeviceSpec::name).collect(Collectors.joining(", "));
    return context.terminal().paint(Style.GREEN, "valid:")
        + String.format(
            " %s describes VM %s with %d vCPU%s, %s of memory and %s",
            subject.manifest,
            vm.name(),
            vm.vcpus(),
            vm.vcpus() == 1 ? "" : "s",
            ByteSize.format(vm.memoryBytes()),
            devices);
  }
}
