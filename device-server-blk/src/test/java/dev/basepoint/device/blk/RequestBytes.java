package dev.basepoint.device.blk;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Builds requests byte by byte, from the specification and not from the code under test. */
final class RequestBytes {
  static final int IN = 0;
  static final int OUT = 1;
  static final int FLUSH = 4;
  static final int GET_ID = 8;
  static final int DISCARD = 11;
  static final int WRITE_ZEROES = 13;

  static final int OK = 0;
  static final int IOERR = 1;
  static final int UNSUPP = 2;

  private RequestBytes() {}

  /** {@code struct virtio_blk_req}'s first 16 bytes. */
  static byte[] header(int type, long sector) {
    return ByteBuffer.allocate(16)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(type)
        .putInt(0x5a5a5a5a)
        .putLong(sector)
        .array();
  }

  /** A header with data behind it. */
  static byte[] header(int type, long sector, byte[]... data) {
    byte[] header = header(type, sector);
    int length = header.length;
    for (byte[] piece : data) {
      length += piece.length;
    }
    ByteBuffer all = ByteBuffer.allocate(length).put(header);
    for (byte[] piece : data) {
      all.put(piece);
    }
    return all.array();
  }

  /** {@code struct virtio_blk_discard_write_zeroes}. */
  static byte[] range(long sector, int sectorCount, int flags) {
    return ByteBuffer.allocate(16)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(sector)
        .putInt(sectorCount)
        .putInt(flags)
        .array();
  }

  /** Bytes that tell where they belong. */
  static byte[] pattern(int length, int seed) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) (seed * 31 + i / 512 * 7 + i);
    }
    return bytes;
  }
}
