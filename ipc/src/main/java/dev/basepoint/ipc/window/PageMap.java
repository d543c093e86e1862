package dev.basepoint.ipc.window;

/**
 * Which pages of a slot area are free: one bit per page, 1 for free.
 *
 * <p>Runs are found first-fit from the lowest page, which keeps the touched part of the window
 * small. One search looks at each run of free pages at most once; a size that did not fit is
 * remembered until something is freed, so that a full window costs nothing to ask again.
 */
final class PageMap {
  static final int NONE = -1;

  private final int pages;
  private final long[] free;
  private int freeCount;
  private int lowestFreeWord;
  private int failedCount = Integer.MAX_VALUE;

  /** A map of {@code pages} free pages. */
  PageMap(int pages) {
    this.pages = pages;
    free = new long[(pages + Long.SIZE - 1) / Long.SIZE];
    freeCount = pages;
    mark(0, pages, true);
  }

  int pages() {
    return pages;
  }

  boolean isFree(int page) {
    return (free[page / Long.SIZE] & 1L << (page % Long.SIZE)) != 0;
  }

  /**
   * Takes {@code count} adjacent pages; returns the first, or NONE if there are none at present.
   */
  int take(long count) {
    if (count > freeCount || count >= failedCount) {
      return NONE;
    }
    int first = find((int) count);
    if (first == NONE) {
      failedCount = (int) count;
      return NONE;
    }
    mark(first, (int) count, false);
    freeCount -= (int) count;
    return first;
  }

  /** Gives pages back that were taken, all of them or a part. */
  void put(int first, int count) {
    mark(first, count, true);
    freeCount += count;
    lowestFreeWord = Math.min(lowestFreeWord, first / Long.SIZE);
    failedCount = Integer.MAX_VALUE;
  }

  private int find(int count) {
    while (lowestFreeWord < free.length && free[lowestFreeWord] == 0) {
      lowestFreeWord++;
    }
    int start = next(lowestFreeWord * Long.SIZE, true);
    while (start < pages) {
      int end = next(start, false);
      if (end - start >= count) {
        return start;
      }
      start = next(end, true);
    }
    return NONE;
  }

  /** The first page from {@code from} on that is free or is not, or the number of pages. */
  private int next(int from, boolean wantFree) {
    int word = from / Long.SIZE;
    long bits = -1L << (from % Long.SIZE);
    while (word < free.length) {
      bits &= wantFree ? free[word] : ~free[word];
      if (bits != 0) {
        return Math.min(pages, word * Long.SIZE + Long.numberOfTrailingZeros(bits));
      }
      bits = -1L;
      word++;
    }
    return pages;
  }

  private void mark(int first, int count, boolean asFree) {
    int page = first;
    int left = count;
    while (left > 0) {
      int bit = page % Long.SIZE;
      int step = Math.min(left, Long.SIZE - bit);
      long bits = (-1L >>> (Long.SIZE - step)) << bit;
      if (asFree) {
        free[page / Long.SIZE] |= bits;
      } else {
        free[page / Long.SIZE] &= ~bits;
      }
      page += step;
      left -= step;
    }
  }
}
