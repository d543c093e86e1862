package dev.basepoint.launcher.fork;

import dev.basepoint.launcher.manifest.NetBackend;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * What a clone is to be.
 *
 * @param template the name of the template
 * @param tenant who asks
 * @param name the clone's name; empty for one made of the template's and the clone's number
 * @param metadata text that the guest finds in its identity page
 * @param netBackEnds by the name of a network device: what it is connected to instead
 * @param disks by the name of a disk: the image that it shows instead of the template's content
 */
public record ForkRequest(
    String template,
    String tenant,
    Optional<String> name,
    String metadata,
    Map<String, NetBackend> netBackEnds,
    Map<String, Path> disks) {
  public ForkRequest {
    netBackEnds = Map.copyOf(netBackEnds);
    disks = Map.copyOf(disks);
  }

  /** Whether a device of the clone differs from the template's. */
  public boolean overridesDevices() {
    return !netBackEnds.isEmpty() || !disks.isEmpty();
  }
}
