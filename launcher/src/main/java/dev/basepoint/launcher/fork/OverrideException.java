package dev.basepoint.launcher.fork;

import dev.basepoint.launcher.manifest.BlkSpec;
import dev.basepoint.launcher.manifest.DeviceSpec;
import dev.basepoint.launcher.manifest.NetSpec;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.util.List;

/** A fork request that changes what its template does not have, or cannot have changed. */
public final class OverrideException extends IOException {
  private OverrideException(String message) {
    super(message);
  }

  /** Checks that everything that {@code request} changes is there to be changed. */
  static void check(ForkRequest request, VmManifest manifest) throws OverrideException {
    for (String device : request.netBackEnds().keySet()) {
      require(device, NetSpec.class, "network device", manifest);
    }
    for (String device : request.disks().keySet()) {
      require(device, BlkSpec.class, "disk", manifest);
    }
  }

  private static void require(
      String device, Class<? extends DeviceSpec> kind, String what, VmManifest manifest)
      throws OverrideException {
    List<String> names =
        manifest.devices().stream().filter(kind::isInstance).map(DeviceSpec::name).toList();
    if (!names.contains(device)) {
      throw new OverrideException(
          "template %s has no %s %s to change; it has %s"
              .formatted(
                  manifest.name(),
                  what,
                  device,
                  names.isEmpty() ? "none at all" : String.join(", ", names)));
    }
  }
}
