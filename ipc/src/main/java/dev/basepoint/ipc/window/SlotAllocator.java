package dev.basepoint.ipc.window;

/**
 * Hands out the slot area of a window: extents of whole pages, and pieces of pages for headers and
 * statuses.
 *
 * <pre>
 *   page       | free | extent of 3 pages  | slab: 64 granules of 64 bytes | free | ...
 *   PageMap       1      0      0      0      0                               1
 *   granules                                 1 bit each, one long per page
 * </pre>
 *
 * Belongs to one thread. Nothing allocates Java objects after construction.
 */
public final class SlotAllocator {
  /** Size and alignment of a page. */
  public static final int PAGE_BYTES = 4096;

  /** Size of the smallest piece; the size of a cache line, so that pieces share none. */
  public static final int GRANULE_BYTES = 64;

  /** The largest request that shares a page with others. */
  public static final int MAX_PIECE_BYTES = PAGE_BYTES / 2;

  private static final int NONE = PageMap.NONE;
  private static final long ALL_FREE = -1L;

  /** How many slabs with room are tried before a new one is opened. */
  private static final int SLAB_TRIES = 8;

  private final long baseOffset;
  private final PageMap pages;

  private final boolean[] isSlab;
  private final long[] freeGranules;
  private final int[] nextSlab;
  private final int[] previousSlab;
  private int firstSlab = NONE;
  private long allocatedBytes;

  /**
   * Manages [{@code baseOffset}, {@code baseOffset + sizeBytes}), both whole pages.
   *
   * @throws IllegalArgumentException if they are not
   */
  public SlotAllocator(long baseOffset, long sizeBytes) {
    if (baseOffset < 0
        || baseOffset % PAGE_BYTES != 0
        || sizeBytes <= 0
        || sizeBytes % PAGE_BYTES != 0
        || sizeBytes / PAGE_BYTES > Integer.MAX_VALUE - Long.SIZE) {
      throw new IllegalArgumentException("slot area at " + baseOffset + " of " + sizeBytes);
    }
    this.baseOffset = baseOffset;
    int count = (int) (sizeBytes / PAGE_BYTES);
    pages = new PageMap(count);
    isSlab = new boolean[count];
    freeGranules = new long[count];
    nextSlab = new int[count];
    previousSlab = new int[count];
  }

  /** Manages the slot area of {@code layout}. */
  public SlotAllocator(WindowLayout layout) {
    this(layout.slotsOffset(), layout.slotsBytes());
  }

  /**
   * Takes {@code byteCount} contiguous bytes.
   *
   * @param alignment a power of two from 64 to 4096; more than 2 KiB are page-aligned anyway
   * @return their offset, or -1 if there is no room at present
   */
  public long allocate(long byteCount, int alignment) {
    checkSize(byteCount);
    if (alignment < GRANULE_BYTES || alignment > PAGE_BYTES || Integer.bitCount(alignment) != 1) {
      throw new IllegalArgumentException("alignment " + alignment);
    }
    if (byteCount > MAX_PIECE_BYTES) {
      return allocateExtent(byteCount);
    }
    return allocatePiece(granules(byteCount), alignment);
  }

  /**
   * Gives back what {@link #allocate} handed out.
   *
   * @param byteCount as requested
   * @throws IllegalArgumentException if that is not allocated
   */
  public void free(long offset, long byteCount) {
    checkSize(byteCount);
    long relative = offset - baseOffset;
    if (relative < 0 || byteCount > sizeBytes() - relative) {
      throw new IllegalArgumentException("slot " + offset + " is outside");
    }
    int page = (int) (relative / PAGE_BYTES);
    int inPage = (int) (relative % PAGE_BYTES);
    if (byteCount > MAX_PIECE_BYTES) {
      freeExtent(page, inPage, byteCount);
    } else {
      freePiece(page, inPage, granules(byteCount));
    }
  }

  /** The size of the slot area; a request that is larger can never be met. */
  public long sizeBytes() {
    return (long) pages.pages() * PAGE_BYTES;
  }

  /** Bytes handed out, rounded up to granules or pages. */
  public long allocatedBytes() {
    return allocatedBytes;
  }

  private static void checkSize(long byteCount) {
    if (byteCount <= 0) {
      throw new IllegalArgumentException("slot of " + byteCount + " bytes");
    }
  }

  private static int granules(long byteCount) {
    return (int) ((byteCount + GRANULE_BYTES - 1) / GRANULE_BYTES);
  }

  private static long pagesOf(long byteCount) {
    return (byteCount - 1) / PAGE_BYTES + 1;
  }

  private long allocateExtent(long byteCount) {
    long count = pagesOf(byteCount);
    int first = pages.take(count);
    if (first == NONE) {
      return NONE;
    }
    allocatedBytes += count * PAGE_BYTES;
    return baseOffset + (long) first * PAGE_BYTES;
  }

  private void freeExtent(int page, int inPage, long byteCount) {
    int count = (int) pagesOf(byteCount);
    if (inPage != 0) {
      throw new IllegalArgumentException("extent at page " + page + " plus " + inPage);
    }
    for (int i = page; i < page + count; i++) {
      if (pages.isFree(i) || isSlab[i]) {
        throw new IllegalArgumentException("page " + i + " is in no extent");
      }
    }
    pages.put(page, count);
    allocatedBytes -= (long) count * PAGE_BYTES;
  }

  private long allocatePiece(int count, int alignment) {
    int slab = firstSlab;
    for (int tries = 0; slab != NONE && tries < SLAB_TRIES; tries++, slab = nextSlab[slab]) {
      int granule = findGranules(freeGranules[slab], count, alignment);
      if (granule != NONE) {
        return takeGranules(slab, granule, count);
      }
    }
    int page = pages.take(1);
    if (page != NONE) {
      isSlab[page] = true;
      freeGranules[page] = ALL_FREE;
      link(page);
      return takeGranules(page, 0, count);
    }
    for (; slab != NONE; slab = nextSlab[slab]) {
      int granule = findGranules(freeGranules[slab], count, alignment);
      if (granule != NONE) {
        return takeGranules(slab, granule, count);
      }
    }
    return NONE;
  }

  private long takeGranules(int slab, int granule, int count) {
    freeGranules[slab] &= ~granuleMask(granule, count);
    if (freeGranules[slab] == 0) {
      unlink(slab);
    }
    allocatedBytes += (long) count * GRANULE_BYTES;
    return baseOffset + (long) slab * PAGE_BYTES + (long) granule * GRANULE_BYTES;
  }

  private void freePiece(int page, int inPage, int count) {
    int granule = inPage / GRANULE_BYTES;
    if (inPage % GRANULE_BYTES != 0 || granule + count > Long.SIZE || !isSlab[page]) {
      throw new IllegalArgumentException("no piece at page " + page + " plus " + inPage);
    }
    long granules = granuleMask(granule, count);
    if ((freeGranules[page] & granules) != 0) {
      throw new IllegalArgumentException("the piece at page " + page + " is free already");
    }
    if (freeGranules[page] == 0) {
      link(page);
    }
    freeGranules[page] |= granules;
    allocatedBytes -= (long) count * GRANULE_BYTES;
    if (freeGranules[page] == ALL_FREE) {
      unlink(page);
      isSlab[page] = false;
      pages.put(page, 1);
    }
  }

  /** The lowest aligned granule that starts {@code count} free ones, or -1. */
  private static int findGranules(long free, int count, int alignment) {
    // Afterwards bit i stands for bits i..i+count-1 of free.
    long starts = free;
    for (int covered = 1; covered < count && starts != 0; ) {
      int step = Math.min(covered, count - covered);
      starts &= starts >>> step;
      covered += step;
    }
    long aligned = starts & ALIGNED_STARTS[Integer.numberOfTrailingZeros(alignment)];
    return aligned == 0 ? NONE : Long.numberOfTrailingZeros(aligned);
  }

  /** By log2 of the alignment: the granules of a page that have it. */
  private static final long[] ALIGNED_STARTS = alignedStarts();

  private static long[] alignedStarts() {
    long[] starts = new long[Integer.numberOfTrailingZeros(PAGE_BYTES) + 1];
    for (int log = Integer.numberOfTrailingZeros(GRANULE_BYTES); log < starts.length; log++) {
      for (int granule = 0; granule < Long.SIZE; granule += (1 << log) / GRANULE_BYTES) {
        starts[log] |= 1L << granule;
      }
    }
    return starts;
  }

  private static long granuleMask(int granule, int count) {
    return (-1L >>> (Long.SIZE - count)) << granule;
  }

  private void link(int slab) {
    nextSlab[slab] = firstSlab;
    previousSlab[slab] = NONE;
    if (firstSlab != NONE) {
      previousSlab[firstSlab] = slab;
    }
    firstSlab = slab;
  }

  private void unlink(int slab) {
    if (previousSlab[slab] == NONE) {
      firstSlab = nextSlab[slab];
    } else {
      nextSlab[previousSlab[slab]] = nextSlab[slab];
    }
    if (nextSlab[slab] != NONE) {
      previousSlab[nextSlab[slab]] = previousSlab[slab];
    }
  }
}
