package dev.basepoint.device.blk;

import dev.basepoint.ipc.virtqueue.DescriptorChain;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What a disk ought to do with a chain, decided a second time and differently: on a copy of all
 * readable bytes and with integers that cannot overflow.
 */
final class RequestJudge {
  /** The verdict when there is no byte for a status. */
  static final int NO_STATUS = -1;

  private static final int RANGES_MAX = 16;
  private static final int HEADER_BYTES = 16;

  private final BigInteger imageBytes;
  private final long requestBytesMax;
  private final int segmentsMax;

  /** Bytes that a good write puts into the image. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Change(int offset, byte[] bytes) {}

  /**
   * What ought to happen.
   *
   * @param status or {@link #NO_STATUS}
   * @param changes of the image; those of DISCARD are undefined and not listed
   */
  record Verdict(int status, List<Change> changes) {}

  RequestJudge(long imageBytes, int segmentsMax) {
    this.imageBytes = BigInteger.valueOf(imageBytes);
    this.segmentsMax = segmentsMax;
    requestBytesMax = segmentsMax * 32768L;
  }

  Verdict judge(DescriptorChain chain) {
    if (chain.writableBytes() == 0) {
      return new Verdict(NO_STATUS, List.of());
    }
    byte[] readable = new byte[(int) chain.readableBytes()];
    chain.copyFromReadable(0, MemorySegment.ofArray(readable), 0, readable.length);
    if (readable.length < HEADER_BYTES) {
      return fail();
    }
    ByteBuffer header = ByteBuffer.wrap(readable).order(ByteOrder.LITTLE_ENDIAN);
    byte[] data = Arrays.copyOfRange(readable, HEADER_BYTES, readable.length);
    long room = chain.writableBytes() - 1;
    BigInteger sector = new BigInteger(Long.toUnsignedString(header.getLong(8)));
    return switch (header.getInt(0)) {
      case RequestBytes.IN ->
          data.length == 0 && chain.writableCount() <= segmentsMax + 1 && fits(sector, room)
              ? new Verdict(RequestBytes.OK, List.of())
              : fail();
      case RequestBytes.OUT ->
          room == 0 && chain.readableCount() <= segmentsMax + 1 && fits(sector, data.length)
              ? new Verdict(
                  RequestBytes.OK, List.of(new Change(sector.intValueExact() * 512, data)))
              : fail();
      case RequestBytes.FLUSH -> new Verdict(RequestBytes.OK, List.of());
      case RequestBytes.GET_ID -> room < 20 ? fail() : new Verdict(RequestBytes.OK, List.of());
      case RequestBytes.DISCARD -> ranges(data, room, false);
      case RequestBytes.WRITE_ZEROES -> ranges(data, room, true);
      default -> new Verdict(RequestBytes.UNSUPP, List.of());
    };
  }

  private boolean fits(BigInteger sector, long byteCount) {
    return byteCount > 0
        && byteCount % 512 == 0
        && byteCount <= requestBytesMax
        && isInside(sector, byteCount);
  }

  private boolean isInside(BigInteger sector, long byteCount) {
    BigInteger end = sector.multiply(BigInteger.valueOf(512)).add(BigInteger.valueOf(byteCount));
    return end.compareTo(imageBytes) <= 0;
  }

  private Verdict ranges(byte[] data, long room, boolean zero) {
    if (room != 0 || data.length == 0 || data.length % 16 != 0 || data.length / 16 > RANGES_MAX) {
      return fail();
    }
    ByteBuffer ranges = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
    List<Change> changes = new ArrayList<>();
    while (ranges.hasRemaining()) {
      BigInteger sector = new BigInteger(Long.toUnsignedString(ranges.getLong()));
      long count = Integer.toUnsignedLong(ranges.getInt());
      int flags = ranges.getInt();
      if (flags != 0 && !(zero && flags == 1)) {
        return new Verdict(RequestBytes.UNSUPP, List.of());
      }
      // The image is smaller than what one request may discard or zero.
      if (count == 0 || !isInside(sector, count * 512)) {
        return fail();
      }
      if (zero) {
        changes.add(new Change(sector.intValueExact() * 512, new byte[(int) count * 512]));
      }
    }
    return new Verdict(RequestBytes.OK, changes);
  }

  private static Verdict fail() {
    return new Verdict(RequestBytes.IOERR, List.of());
  }
}
