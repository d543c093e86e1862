package dev.basepoint.launcher.group;

import dev.basepoint.ipc.disk.LayeredImage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** The host's view of what a guest wrote: the SHA-256 of a range of a disk. */
final class ImageHash {
  private static final int SECTOR_BYTES = 512;
  private static final int STEP_BYTES = 1 << 20;

  /** Past any O_DIRECT alignment in use. */
  private static final int ALIGNMENT = 4096;

  private ImageHash() {}

  /**
   * Hashes sectors; a range that ends beyond the disk is cut there.
   *
   * @return lower-case hex
   */
  static String sha256(DiskFiles disk, long startSector, long sectorCount) throws IOException {
    MessageDigest digest = sha256();
    try (LayeredImage image = LayeredImage.open(disk.image(), disk.layers());
        Arena arena = Arena.ofConfined()) {
      long sectors = image.sizeBytes() / SECTOR_BYTES;
      long position = Math.clamp(startSector, 0, sectors) * SECTOR_BYTES;
      long left = Math.clamp(sectorCount, 0, sectors - position / SECTOR_BYTES) * SECTOR_BYTES;
      MemorySegment buffer = arena.allocate(STEP_BYTES, ALIGNMENT);
      while (left > 0) {
        long used = Math.min(image.read(position, buffer), left);
        digest.update(buffer.asSlice(0, used).asByteBuffer());
        position += used;
        left -= used;
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
