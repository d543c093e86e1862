package dev.basepoint.device.blk;

/** Words for requests, for people. */
final class BlkWarnings {
  private BlkWarnings() {}

  /** Says what a request wanted, as "a read of 4096 bytes at offset 8192". */
  static String describe(BlkRequest request) {
    return switch (request.operation) {
      case READ -> "a read" + range(request);
      case WRITE -> "a write" + range(request);
      case FLUSH -> "a flush, or one before it since the last reset,";
      case DISCARD -> "a discard of " + request.byteCount + " bytes";
      case WRITE_ZEROES -> "zeroing " + request.byteCount + " bytes";
    };
  }

  private static String range(BlkRequest request) {
    return " of "
        + request.byteCount
        + " bytes at offset "
        + (request.endOffset - request.byteCount);
  }
}
