package dev.basepoint.device.blk.image;

import dev.basepoint.ipc.linux.IovecArray;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;

/** A random change of a disk that can be made to an image and to a model of it. */
record DiskOperation(Kind kind, int offset, int byteCount, long seed) {
  enum Kind {
    WRITE,
    TRY_WRITE,
    DURABLE_WRITE,
    DISCARD,
    ZERO_AND_KEEP,
    ZERO_AND_FREE,
    FLUSH
  }

  static final int BYTES_MAX = 1 << 20;

  static DiskOperation random(SplittableRandom random, int diskBytes) {
    int sectors = diskBytes / 512;
    int most =
        switch (random.nextInt(16)) {
          case 0 -> BYTES_MAX / 512;
          case 1, 2, 3 -> 64;
          default -> 10;
        };
    int count = 1 + random.nextInt(Math.min(most, sectors));
    int start = random.nextInt(sectors - count + 1);
    switch (random.nextInt(4)) {
      case 0 -> {
        // Whole clusters.
        start &= -8;
        count = Math.min(Math.ceilDiv(count, 8) * 8, sectors - start);
      }
      case 1 -> start = sectors - count;
      default -> {
        // As it fell.
      }
    }
    Kind kind =
        switch (random.nextInt(12)) {
          case 0, 1 -> Kind.DISCARD;
          case 2 -> Kind.ZERO_AND_KEEP;
          case 3 -> Kind.ZERO_AND_FREE;
          case 4 -> Kind.FLUSH;
          case 5 -> Kind.DURABLE_WRITE;
          case 6, 7 -> Kind.TRY_WRITE;
          default -> Kind.WRITE;
        };
    return new DiskOperation(kind, start * 512, count * 512, random.nextLong());
  }

  private byte[] data() {
    byte[] data = new byte[byteCount];
    new SplittableRandom(seed).nextBytes(data);
    return data;
  }

  /**
   * Makes the change.
   *
   * @param memory at least {@link #BYTES_MAX} bytes and a page
   * @param done receives the bytes that were changed, of a write only
   */
  long applyTo(Image image, MemorySegment memory, int[] done) {
    return switch (kind) {
      case WRITE, TRY_WRITE, DURABLE_WRITE -> {
        IovecArray data = new IovecArray(4);
        // Aligned or not, in one piece or two.
        long at = seed & 0xe00;
        MemorySegment.copy(data(), 0, memory, ValueLayout.JAVA_BYTE, at, byteCount);
        int cut = (int) Math.floorMod(seed, (long) byteCount);
        if (cut > 0) {
          data.add(memory, at, cut);
        }
        data.add(memory, at + cut, byteCount - cut);
        long result =
            kind == Kind.TRY_WRITE
                ? image.tryWrite(offset, data)
                : image.write(offset, data, kind == Kind.DURABLE_WRITE);
        if (result == Image.WOULD_WAIT) {
          result = image.write(offset + byteCount - data.totalBytes(), data, false);
        }
        done[0] = (int) (byteCount - data.totalBytes());
        yield result;
      }
      case DISCARD -> image.discard(offset, byteCount);
      case ZERO_AND_KEEP -> image.writeZeroes(offset, byteCount, false);
      case ZERO_AND_FREE -> image.writeZeroes(offset, byteCount, true);
      case FLUSH -> image.flush();
    };
  }

  /** Makes the first {@code bytes} of the change, all of them if it succeeded. */
  void applyTo(byte[] model, int bytes) {
    switch (kind) {
      case WRITE, TRY_WRITE, DURABLE_WRITE -> System.arraycopy(data(), 0, model, offset, bytes);
      case DISCARD, ZERO_AND_KEEP, ZERO_AND_FREE ->
          Arrays.fill(model, offset, offset + bytes, (byte) 0);
      case FLUSH -> {
        // Changes nothing.
      }
    }
  }
}
