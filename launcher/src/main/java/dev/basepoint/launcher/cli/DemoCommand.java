package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.manifest.LoadedManifest;
import dev.basepoint.launcher.manifest.ManifestLoader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code vmm-launch demo}. */
@Command(
    name = "demo",
    description =
        "Run the built-in probe guest with a disk, a network interface and a random source.",
    footerHeading = "%nThe demo's manifest%n",
    footer = "  examples/probe.yaml, which is part of the program")
final class DemoCommand implements Callable<Integer> {
  private static final String MANIFEST = "/dev/basepoint/launcher/probe.yaml";

  private final CliContext context;

  @Mixin private JsonOption json;

  DemoCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws Exception {
    LoadedManifest loaded =
        new ManifestLoader(context.host().get())
            .load(manifestText(), "probe.yaml", Path.of("").toAbsolutePath());
    return new VmRun(context, json.isSet()).run(loaded).code();
  }

  static String manifestText() throws IOException {
    try (InputStream in = DemoCommand.class.getResourceAsStream(MANIFEST)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
