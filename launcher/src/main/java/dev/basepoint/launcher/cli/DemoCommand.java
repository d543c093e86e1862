package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.manifest.LoadedManifest;
import dev.basepoint.launcher.manifest.ManifestLoader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** {@code vmm-launch demo}. */
final class DemoCommand {
  private static final String MANIFEST = "/dev/basepoint/launcher/probe.yaml";

  private final CliContext context;

  DemoCommand(CliContext context) {
    this.context = context;
  }

  int run(Arguments arguments) throws Exception {
    LoadedManifest loaded =
        new ManifestLoader(context.host().get())
            .load(manifestText(), "probe.yaml", Path.of("").toAbsolutePath());
    return new VmRun(context, Commands.json(arguments), Commands.sandbox(arguments))
        .run(loaded, false)
        .code();
  }

  static String manifestText() throws IOException {
    try (InputStream in = DemoCommand.class.getResourceAsStream(MANIFEST)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
