package dev.basepoint.device.blk.image;

import dev.basepoint.ipc.linux.FileStatus;

/**
 * What O_DIRECT asks for, powers of two.
 *
 * @param memoryAlignment of addresses and lengths in memory
 * @param offsetAlignment of offsets and lengths in the file
 */
record ImageGeometry(int memoryAlignment, int offsetAlignment) {
  /** The unit of the virtio-blk protocol, whatever the block size. */
  static final int SECTOR_BYTES = 512;

  /** Safe where the kernel does not tell: no storage in use has larger blocks. */
  private static final int UNKNOWN_ALIGNMENT = 4096;

  static ImageGeometry of(FileStatus status) {
    boolean known = status.directMemoryAlignment() > 0 && status.directOffsetAlignment() > 0;
    return known
        ? new ImageGeometry(status.directMemoryAlignment(), status.directOffsetAlignment())
        : new ImageGeometry(UNKNOWN_ALIGNMENT, UNKNOWN_ALIGNMENT);
  }
}
