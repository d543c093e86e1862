package dev.basepoint.launcher.fork;

import dev.basepoint.launcher.basepoint.Template;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;

/** Makes one template again, one time after the other. */
interface Remaker {
  /**
   * Boots a VM from {@code manifest} to its ready point and puts it in the place of {@code worn}.
   *
   * @throws IOException if it cannot, or {@code worn} has lost its place; nothing has changed then
   */
  void remake(Template worn, VmManifest manifest) throws IOException;

  /** Ends a making under way early, and lets none begin. */
  void cancel();
}
