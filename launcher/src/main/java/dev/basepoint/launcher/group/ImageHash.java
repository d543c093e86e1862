package dev.basepoint.launcher.group;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** The host's view of what a guest wrote: the SHA-256 of a range of a disk image. */
final class ImageHash {
  private static final int SECTOR_BYTES = 512;
  private static final int STEP_BYTES = 1 << 20;

  /** Past any O_DIRECT alignment in use. */
  private static final int ALIGNMENT = 4096;

  private ImageHash() {}

  /**
   * Hashes sectors; a range that ends beyond the image is cut there.
   *
   * @return lower-case hex
   */
  static String sha256(Fd image, long startSector, long sectorCount) throws IOException {
    MessageDigest digest = sha256();
    long imageBytes = OpenFile.endOffset(image);
    long position = Math.clamp(startSector, 0, imageBytes / SECTOR_BYTES) * SECTOR_BYTES;
    long left = Math.clamp(sectorCount, 0, (imageBytes - position) / SECTOR_BYTES) * SECTOR_BYTES;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(STEP_BYTES, ALIGNMENT);
      while (left > 0) {
        long count =
            ErrnoException.check(
                Syscalls.pread(image.number(), buffer, position), "read the image");
        if (count == 0) {
          throw new IOException("the image ended at byte " + position);
        }
        long used = Math.min(count, left);
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
