package dev.basepoint.launcher.fork;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileStatus;
import dev.basepoint.launcher.manifest.BlkSpec;
import dev.basepoint.launcher.manifest.DeviceSpec;
import dev.basepoint.launcher.manifest.NetBackend;
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
    for (DeviceSpec device : manifest.devices()) {
      if (device instanceof NetSpec net && request.netBackEnds().containsKey(net.name())) {
        requireOffloads(net, request.netBackEnds().get(net.name()));
      }
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

  /** A guest that sends unfinished packets needs somebody who finishes them. */
  private static void requireOffloads(NetSpec net, NetBackend wanted) throws OverrideException {
    if (net.hasOffloads() && !(wanted instanceof NetBackend.Tap)) {
      throw new OverrideException(
          "network device "
              + net.name()
              + " was made with a TAP and its offloads, so that only a TAP can take its place;"
              + " make the template with offloads: false");
    }
  }

  /** Checks that an image has the size of the disk in whose place it is to be. */
  static void requireSize(String disk, Fd image, long diskBytes) throws IOException {
    FileStatus status = FileStatus.of(image);
    if (status.type() == FileStatus.Type.REGULAR && status.sizeBytes() != diskBytes) {
      throw new OverrideException(
          "disk %s has %d bytes and the image in its place %d; a disk cannot change its size while its guest runs"
              .formatted(disk, diskBytes, status.sizeBytes()));
    }
  }
}
