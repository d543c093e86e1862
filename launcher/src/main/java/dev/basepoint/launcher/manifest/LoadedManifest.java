package dev.basepoint.launcher.manifest;

import java.util.List;

/**
 * A manifest that may be run.
 *
 * @param vm the model
 * @param warnings what is odd but not wrong
 */
public record LoadedManifest(VmManifest vm, List<Problem> warnings) {
  public LoadedManifest {
    warnings = List.copyOf(warnings);
  }
}
