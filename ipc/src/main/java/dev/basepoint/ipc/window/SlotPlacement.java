package dev.basepoint.ipc.window;

import dev.basepoint.ipc.virtqueue.DescriptorChain;

/**
 * The slots of one request: where in the window each segment of a descriptor chain has its bytes.
 * Segment boundaries are kept.
 *
 * <pre>
 *   chain    | 16 B header | 4096 B data | 8192 B data | 1 B status |
 *                  |             |             |             |
 *   pieces   [hdr . . .|status . . .]          |             |
 *   bulk     [ 4096 B          | 8192 B                      ]  page-aligned, contiguous
 * </pre>
 *
 * Bulk segments (whole sectors, or 2 KiB and more) lie together in chain order: whole pages are
 * page-aligned and whole sectors sector-aligned, as O_DIRECT needs, and neighbours without padding
 * between them become one iovec. The rest share one run of granules.
 *
 * <p>Reusable; belongs to one thread; nothing allocates after construction.
 */
public final class SlotPlacement {
  private static final int SECTOR_BYTES = 512;

  /** The outcome of {@link #place}. */
  public enum Result {
    /** The slots are taken. */
    PLACED,
    /** There is no room at present: the request waits in the guest's ring. */
    FULL,
    /** The request is larger than the slot area and can never be placed. */
    TOO_LARGE
  }

  private final long[] offsets;
  private long bulkOffset;
  private long bulkBytes;
  private long piecesOffset;
  private long piecesBytes;

  /** Makes room for chains of {@code capacity} segments. */
  public SlotPlacement(int capacity) {
    offsets = new long[capacity];
  }

  /**
   * Takes slots for every segment of {@code chain}, all or none.
   *
   * @throws IllegalStateException if slots placed before have not been released
   */
  public Result place(SlotAllocator allocator, DescriptorChain chain) {
    if (bulkBytes + piecesBytes != 0) {
      throw new IllegalStateException("slots are still in use");
    }
    long bulk = 0;
    long pieces = 0;
    int bulkAlignment = SlotAllocator.GRANULE_BYTES;
    for (int i = 0; i < chain.count(); i++) {
      long length = chain.length(i);
      int alignment = alignment(length);
      if (isBulk(length)) {
        bulk = alignUp(bulk, alignment);
        offsets[i] = bulk;
        bulk += length;
        bulkAlignment = Math.max(bulkAlignment, alignment);
      } else {
        offsets[i] = pieces;
        pieces += alignUp(length, alignment);
      }
    }
    long pages =
        alignUp(bulk, SlotAllocator.PAGE_BYTES) + alignUp(pieces, SlotAllocator.PAGE_BYTES);
    if (pages > allocator.sizeBytes()) {
      return Result.TOO_LARGE;
    }
    return take(allocator, chain, bulk, bulkAlignment, pieces);
  }

  /** Where segment {@code index} lies, as an offset in the window. */
  public long offset(int index) {
    return offsets[index];
  }

  /** Start of the bulk slot; meaningless if {@link #bulkBytes} is 0. */
  public long bulkOffset() {
    return bulkOffset;
  }

  /** Size of the bulk slot as {@link SlotAllocator#free} takes it. */
  public long bulkBytes() {
    return bulkBytes;
  }

  /** Start of the slot of the small segments; meaningless if {@link #piecesBytes} is 0. */
  public long piecesOffset() {
    return piecesOffset;
  }

  /** Size of the slot of the small segments as {@link SlotAllocator#free} takes it. */
  public long piecesBytes() {
    return piecesBytes;
  }

  /** Makes this ready for the next chain; whoever noted the slots frees them. */
  public void handOver() {
    bulkBytes = 0;
    piecesBytes = 0;
  }

  /** Gives all slots back. */
  public void release(SlotAllocator allocator) {
    if (bulkBytes != 0) {
      allocator.free(bulkOffset, bulkBytes);
    }
    if (piecesBytes != 0) {
      allocator.free(piecesOffset, piecesBytes);
    }
    bulkBytes = 0;
    piecesBytes = 0;
  }

  private Result take(
      SlotAllocator allocator, DescriptorChain chain, long bulk, int bulkAlignment, long pieces) {
    if (bulk != 0) {
      bulkOffset = allocator.allocate(bulk, bulkAlignment);
      if (bulkOffset < 0) {
        return Result.FULL;
      }
      bulkBytes = bulk;
    }
    if (pieces != 0) {
      piecesOffset = allocator.allocate(pieces, SlotAllocator.GRANULE_BYTES);
      if (piecesOffset < 0) {
        release(allocator);
        return Result.FULL;
      }
      piecesBytes = pieces;
    }
    for (int i = 0; i < chain.count(); i++) {
      offsets[i] += isBulk(chain.length(i)) ? bulkOffset : piecesOffset;
    }
    return Result.PLACED;
  }

  private static boolean isBulk(long length) {
    return length % SECTOR_BYTES == 0 || length >= SlotAllocator.MAX_PIECE_BYTES;
  }

  private static int alignment(long length) {
    if (length % SlotAllocator.PAGE_BYTES == 0) {
      return SlotAllocator.PAGE_BYTES;
    }
    return length % SECTOR_BYTES == 0 ? SECTOR_BYTES : SlotAllocator.GRANULE_BYTES;
  }

  private static long alignUp(long value, long alignment) {
    return (value + alignment - 1) & -alignment;
  }
}
