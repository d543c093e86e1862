package dev.basepoint.launcher.group;

import dev.basepoint.launcher.manifest.BlkSpec;
import java.io.IOException;

/** Opens what a disk is backed by. */
@FunctionalInterface
public interface DiskOpener {
  /**
   * Opens a disk's files.
   *
   * @throws IOException naming the device and the path; nothing stays open then
   */
  DevicePlan.Blk open(BlkSpec disk) throws IOException;
}
