package dev.basepoint.launcher.manifest;

import java.nio.file.Path;
import java.util.OptionalLong;

/** Where a disk's sectors are. */
public sealed interface BlockSource {
  /**
   * A raw image file or block device.
   *
   * @param path absolute
   * @param createSizeBytes if the file does not exist, it is created sparse with this size
   */
  record Image(Path path, OptionalLong createSizeBytes) implements BlockSource {}

  /** An empty disk that lives as long as the run. */
  record Scratch(long sizeBytes) implements BlockSource {}
}
