package dev.basepoint.device.blk;

import static dev.basepoint.device.blk.VirtioBlk.SECTOR_BYTES;

import dev.basepoint.device.blk.BlkRequest.Operation;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.RangeSink;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Turns a descriptor chain into a request or a status, virtio 1.2 §5.2.6. The guest is presumed
 * malicious: every field is copied out once and checked; how bytes are divided into descriptors
 * means nothing (§2.7.4).
 *
 * <pre>
 *   device-readable                                device-writable
 *   +----------+----------+------------+-------+   +----------+------------+
 *   | type u32 | reserved | sector u64 | data  |   | data     | status u8  |
 *   |          | u32      |            | (OUT) |   | (IN, ID) | last byte  |
 *   +----------+----------+------------+-------+   +----------+------------+
 *   0          4          8            16
 * </pre>
 *
 * The data of DISCARD and WRITE_ZEROES is an array of {@code struct
 * virtio_blk_discard_write_zeroes}: u64 sector, u32 num_sectors, u32 flags.
 */
final class RequestParser {
  /** The request is well-formed and filled in. */
  static final int ACCEPTED = -1;

  /** The request is served: {@link VirtioBlk#VIRTIO_BLK_S_OK} is its status. */
  static final int ANSWERED = VirtioBlk.VIRTIO_BLK_S_OK;

  /** There is no byte for a status. */
  static final int NO_STATUS = -2;

  private static final long TYPE_OFFSET = 0;
  private static final long SECTOR_OFFSET = 8;
  private static final long HEADER_BYTES = 16;

  private static final long RANGE_SECTOR_OFFSET = 0;
  private static final long RANGE_COUNT_OFFSET = 8;
  private static final long RANGE_FLAGS_OFFSET = 12;
  private static final long RANGE_BYTES = 16;

  private static final RangeSink ZERO =
      (memory, offset, byteCount) -> memory.asSlice(offset, byteCount).fill((byte) 0);

  private final long capacitySectors;
  private final boolean readOnly;
  private final RequestLimits limits;
  private final MemorySegment serial =
      Arena.ofAuto().allocate(VirtioBlk.VIRTIO_BLK_ID_BYTES, Long.BYTES);
  private final MemorySegment scratch =
      Arena.ofAuto().allocate(RequestLimits.RANGES_MAX * RANGE_BYTES, Long.BYTES);

  private boolean discard;
  private boolean writeZeroes;
  private int type;

  RequestParser(long capacityBytes, boolean readOnly, RequestLimits limits, String serial) {
    capacitySectors = capacityBytes / SECTOR_BYTES;
    this.readOnly = readOnly;
    this.limits = limits;
    for (int i = 0; i < serial.length(); i++) {
      this.serial.set(ValueLayout.JAVA_BYTE, i, (byte) serial.charAt(i));
    }
  }

  /** Requests of features that the driver did not negotiate are unknown to us. */
  void setFeatures(long features) {
    discard = (features & VirtioBlk.VIRTIO_BLK_F_DISCARD) != 0;
    writeZeroes = (features & VirtioBlk.VIRTIO_BLK_F_WRITE_ZEROES) != 0;
  }

  /** The type field of the chain parsed last, if it had one. */
  int type() {
    return type;
  }

  /**
   * Parses {@code chain}.
   *
   * @param request filled in, its status place too unless the answer is {@link #NO_STATUS}
   * @return {@link #ACCEPTED}, {@link #NO_STATUS}, or the status to give at once, in which case all
   *     writable bytes but the status have been written
   */
  int parse(DescriptorChain chain, BlkRequest request) {
    type = -1;
    request.headId = chain.headId();
    request.writableBytes = chain.writableBytes();
    request.data.clear();
    request.byteCount = 0;
    request.rangeCount = 0;
    if (chain.writableCount() == 0) {
      return NO_STATUS;
    }
    int last = chain.count() - 1;
    request.setStatusPlace(chain.memory(last), chain.offset(last) + chain.length(last) - 1);
    int outcome =
        chain.copyFromReadable(0, scratch, 0, HEADER_BYTES) == HEADER_BYTES
            ? parseBody(chain, request)
            : VirtioBlk.VIRTIO_BLK_S_IOERR;
    if (outcome > VirtioBlk.VIRTIO_BLK_S_OK && chain.writableBytes() > 1) {
      // The length we report must reach the status, and stale bytes must not be what it covers.
      chain.writableRanges(0, chain.writableBytes() - 1, ZERO);
    }
    return outcome;
  }

  private int parseBody(DescriptorChain chain, BlkRequest request) {
    type = scratch.get(ValueLayout.JAVA_INT, TYPE_OFFSET);
    long sector = scratch.get(ValueLayout.JAVA_LONG, SECTOR_OFFSET);
    return switch (type) {
      case VirtioBlk.VIRTIO_BLK_T_IN -> read(chain, request, sector);
      case VirtioBlk.VIRTIO_BLK_T_OUT -> write(chain, request, sector);
      case VirtioBlk.VIRTIO_BLK_T_FLUSH -> flush(chain, request);
      case VirtioBlk.VIRTIO_BLK_T_GET_ID -> getId(chain);
      case VirtioBlk.VIRTIO_BLK_T_DISCARD ->
          discard ? ranges(chain, request, Operation.DISCARD) : VirtioBlk.VIRTIO_BLK_S_UNSUPP;
      case VirtioBlk.VIRTIO_BLK_T_WRITE_ZEROES ->
          writeZeroes
              ? ranges(chain, request, Operation.WRITE_ZEROES)
              : VirtioBlk.VIRTIO_BLK_S_UNSUPP;
      default -> VirtioBlk.VIRTIO_BLK_S_UNSUPP;
    };
  }

  private int read(DescriptorChain chain, BlkRequest request, long sector) {
    long byteCount = chain.writableBytes() - 1;
    if (chain.readableBytes() != HEADER_BYTES
        || chain.writableCount() > limits.segments() + 1
        || !isTransfer(sector, byteCount)) {
      return VirtioBlk.VIRTIO_BLK_S_IOERR;
    }
    chain.writableRanges(0, byteCount, request.dataSink);
    return accept(request, Operation.READ, sector, byteCount);
  }

  private int write(DescriptorChain chain, BlkRequest request, long sector) {
    long byteCount = chain.readableBytes() - HEADER_BYTES;
    if (readOnly
        || chain.writableBytes() != 1
        || chain.readableCount() > limits.segments() + 1
        || !isTransfer(sector, byteCount)) {
      return VirtioBlk.VIRTIO_BLK_S_IOERR;
    }
    chain.readableRanges(HEADER_BYTES, byteCount, request.dataSink);
    return accept(request, Operation.WRITE, sector, byteCount);
  }

  private static int accept(BlkRequest request, Operation operation, long sector, long byteCount) {
    request.operation = operation;
    request.byteCount = byteCount;
    request.endOffset = sector * SECTOR_BYTES + byteCount;
    return ACCEPTED;
  }

  private boolean isTransfer(long sector, long byteCount) {
    return byteCount > 0
        && byteCount % SECTOR_BYTES == 0
        && byteCount <= limits.dataBytes()
        && isInside(sector, byteCount / SECTOR_BYTES);
  }

  private boolean isInside(long sector, long sectorCount) {
    // Unsigned on the left, so that no sum can overflow.
    return sectorCount <= capacitySectors
        && Long.compareUnsigned(sector, capacitySectors - sectorCount) <= 0;
  }

  private static int flush(DescriptorChain chain, BlkRequest request) {
    request.operation = Operation.FLUSH;
    if (chain.writableBytes() > 1) {
      chain.writableRanges(0, chain.writableBytes() - 1, ZERO);
    }
    return ACCEPTED;
  }

  private int getId(DescriptorChain chain) {
    long room = chain.writableBytes() - 1;
    if (room < VirtioBlk.VIRTIO_BLK_ID_BYTES) {
      return VirtioBlk.VIRTIO_BLK_S_IOERR;
    }
    chain.writableRanges(0, room, ZERO);
    chain.copyToWritable(0, serial, 0, VirtioBlk.VIRTIO_BLK_ID_BYTES);
    return ANSWERED;
  }

  private int ranges(DescriptorChain chain, BlkRequest request, Operation operation) {
    long byteCount = chain.readableBytes() - HEADER_BYTES;
    if (readOnly
        || chain.writableBytes() != 1
        || byteCount <= 0
        || byteCount % RANGE_BYTES != 0
        || byteCount > scratch.byteSize()) {
      return VirtioBlk.VIRTIO_BLK_S_IOERR;
    }
    chain.copyFromReadable(HEADER_BYTES, scratch, 0, byteCount);
    request.operation = operation;
    for (long at = 0; at < byteCount; at += RANGE_BYTES) {
      int status = range(request, operation, at);
      if (status != VirtioBlk.VIRTIO_BLK_S_OK) {
        return status;
      }
    }
    return ACCEPTED;
  }

  private int range(BlkRequest request, Operation operation, long at) {
    long sector = scratch.get(ValueLayout.JAVA_LONG, at + RANGE_SECTOR_OFFSET);
    long count = Integer.toUnsignedLong(scratch.get(ValueLayout.JAVA_INT, at + RANGE_COUNT_OFFSET));
    int flags = scratch.get(ValueLayout.JAVA_INT, at + RANGE_FLAGS_OFFSET);
    boolean zeroes = operation == Operation.WRITE_ZEROES;
    int known = zeroes ? VirtioBlk.VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;
    if ((flags & ~known) != 0) {
      return VirtioBlk.VIRTIO_BLK_S_UNSUPP;
    }
    int most = zeroes ? RequestLimits.WRITE_ZEROES_SECTORS_MAX : RequestLimits.DISCARD_SECTORS_MAX;
    if (count == 0 || count > most || !isInside(sector, count)) {
      return VirtioBlk.VIRTIO_BLK_S_IOERR;
    }
    request.rangeOffsets[request.rangeCount] = sector * SECTOR_BYTES;
    request.rangeBytes[request.rangeCount] = count * SECTOR_BYTES;
    request.rangeUnmap[request.rangeCount] = flags != 0;
    request.rangeCount++;
    request.byteCount += count * SECTOR_BYTES;
    return VirtioBlk.VIRTIO_BLK_S_OK;
  }
}
