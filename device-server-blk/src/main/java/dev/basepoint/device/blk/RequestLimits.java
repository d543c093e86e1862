package dev.basepoint.device.blk;

/**
 * How much one request may ask for; the driver reads it in the configuration space, and requests
 * beyond it fail.
 *
 * @param segments most data descriptors of a request
 * @param dataBytes most data bytes of a request
 */
record RequestLimits(int segments, long dataBytes) {
  /** Largest data descriptor that a driver should make; larger ones are served nevertheless. */
  static final int SIZE_MAX = 32 << 10;

  /** As many descriptors as fill half a page as iovecs; Linux asks for no more by default. */
  private static final int SEG_MAX = 126;

  /** Descriptors of a request that hold no data: header and status. */
  private static final int FRAMING = 2;

  /** Most ranges of one DISCARD or WRITE_ZEROES request. */
  static final int RANGES_MAX = 16;

  /** 2 GiB: a hole that large is made in well under a second. */
  static final int DISCARD_SECTORS_MAX = 4 << 20;

  /** 64 MiB: where zeros must be written, that much takes a fraction of a second. */
  static final int WRITE_ZEROES_SECTORS_MAX = 128 << 10;

  /** The limits of a device whose rings have {@code queueSize} descriptors (§2.7.5.3.1). */
  static RequestLimits of(int queueSize) {
    int segments = Math.min(SEG_MAX, queueSize - FRAMING);
    return new RequestLimits(segments, (long) segments * SIZE_MAX);
  }
}
