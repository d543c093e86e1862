package dev.basepoint.launcher.basepoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * The checksum of sparse files: SHA-256 over every page of 4096 bytes that is not all zero, each
 * behind its number, and the file's size at the end; numbers as 64-bit little-endian, a last short
 * page filled up with zeros. It costs nothing for holes and is the same however a file is laid out.
 */
final class PageDigest {
  static final int PAGE_BYTES = 4096;

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MessageDigest digest;
  private final byte[] block = new byte[Long.BYTES + PAGE_BYTES];
  private final MemorySegment view = MemorySegment.ofArray(block);

  PageDigest() {
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /** Adds a page that is not all zero; pages must come in their order. */
  void page(long number, MemorySegment source, long offset, long byteCount) {
    view.set(LONG, 0, number);
    MemorySegment.copy(source, offset, view, Long.BYTES, byteCount);
    view.asSlice(Long.BYTES + byteCount).fill((byte) 0);
    digest.update(block);
  }

  /** The checksum of a file of {@code sizeBytes} whose pages were added. */
  StoredFile finish(long sizeBytes) {
    view.set(LONG, 0, sizeBytes);
    digest.update(block, 0, Long.BYTES);
    return new StoredFile(sizeBytes, HexFormat.of().formatHex(digest.digest()));
  }
}
