package dev.basepoint.device.blk.image;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A block of zero bytes to write from, made when first used. */
final class Zeros {
  static final long BYTES = 256 << 10;

  static final MemorySegment SEGMENT = Arena.global().allocate(BYTES, 4096);

  private Zeros() {}
}
