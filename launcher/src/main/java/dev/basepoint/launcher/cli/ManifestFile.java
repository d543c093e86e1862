package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.manifest.LoadedManifest;
import dev.basepoint.launcher.manifest.ManifestException;
import dev.basepoint.launcher.manifest.ManifestLoader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Loads the manifest that a command line names. */
final class ManifestFile {
  private ManifestFile() {}

  static LoadedManifest load(Path file, CliContext context)
      throws CommandException, ManifestException {
    if (!Files.exists(file)) {
      throw new CommandException(
          ExitCode.INPUT_MISSING, "there is no file " + file + "; name a manifest that exists");
    }
    if (Files.isDirectory(file)) {
      throw new CommandException(
          ExitCode.INPUT_MISSING, file + " is a directory; name a manifest in it");
    }
    try {
      return new ManifestLoader(context.host().get()).load(file);
    } catch (IOException e) {
      throw new CommandException(
          ExitCode.INPUT_MISSING, file + " cannot be read; check its permissions", e);
    }
  }
}
