package dev.basepoint.launcher.basepoint;

import java.util.List;

/**
 * Where the sectors of a disk are at the basepoint.
 *
 * @param device the disk's name
 * @param base what lies below everything that was written
 * @param layers overlay files of the template, bottom to top, all frozen; none for a read-only disk
 */
public record TemplateDisk(String device, Base base, List<String> layers) {
  public TemplateDisk {
    layers = List.copyOf(layers);
  }

  /** What lies below a disk's overlays. */
  public sealed interface Base {}

  /**
   * An image outside of the template, by reference.
   *
   * @param path absolute
   * @param content its size and checksum when the template was made
   * @param modifiedNanos its modification time then, in nanoseconds of the epoch
   */
  public record Reference(String path, StoredFile content, long modifiedNanos) implements Base {}

  /** A file of the template itself. */
  public record Own(String file) implements Base {}
}
