package dev.basepoint.launcher.basepoint;

import dev.basepoint.launcher.basepoint.TemplateException.Reason;
import dev.basepoint.launcher.manifest.HostFacts;
import dev.basepoint.launcher.manifest.ManifestException;
import dev.basepoint.launcher.manifest.ManifestLoader;
import dev.basepoint.launcher.manifest.Problem;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Collectors;

/** Reads the manifest that a template was made from. */
final class StoredManifest {
  private StoredManifest() {}

  /**
   * The manifest, checked against this host as any other.
   *
   * @throws TemplateException if it is damaged, or names files that are not there any more
   */
  static VmManifest load(OpenTemplate template) throws IOException {
    String text = template.manifest();
    try {
      // Its paths are absolute.
      return new ManifestLoader(HostFacts.read()).load(text, Template.MANIFEST, Path.of("/")).vm();
    } catch (ManifestException e) {
      throw new TemplateException(
          Reason.BASE_CHANGED,
          "template "
              + template.template().name()
              + " cannot be made again as it was: "
              + e.problems().stream().map(Problem::toString).collect(Collectors.joining("; ")),
          e);
    }
  }
}
