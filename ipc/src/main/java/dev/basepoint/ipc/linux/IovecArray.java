package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * A reusable array of {@code struct iovec} (bits/types/struct_iovec.h).
 *
 * <pre>
 *   0        8         16 bytes
 *   +--------+---------+
 *   | base   | len     |  x capacity
 *   +--------+---------+
 * </pre>
 *
 * Entries are made from segments only, so that the kernel is never handed an address outside memory
 * which Java has bounds-checked.
 */
public final class IovecArray {
  private static final long BASE_OFFSET = 0;
  private static final long LEN_OFFSET = 8;
  private static final long BYTES = 16;

  /** For entries to be read without making a segment of each, which would allocate per packet. */
  private static final MemorySegment ADDRESS_SPACE = Libc.view(0, Long.MAX_VALUE);

  private final MemorySegment entries;
  private final int capacity;
  private int count;
  private long totalBytes;

  /**
   * Makes room for {@code capacity} entries, at most IOV_MAX (1024), in process-lifetime memory.
   */
  public IovecArray(int capacity) {
    this.capacity = Objects.checkIndex(capacity, 1025);
    this.entries = Arena.ofAuto().allocate(capacity * BYTES, 8);
  }

  /** Empties the array. */
  public void clear() {
    count = 0;
    totalBytes = 0;
  }

  /**
   * Adds {@code byteCount} bytes of {@code memory} from {@code offset} on; merges with the previous
   * entry where both are adjacent, which saves the kernel an entry per page.
   *
   * @throws IndexOutOfBoundsException if the range is outside {@code memory} or the array is full
   */
  public void add(MemorySegment memory, long offset, long byteCount) {
    Objects.checkFromIndexSize(offset, byteCount, memory.byteSize());
    long base = memory.address() + offset;
    if (count > 0) {
      long last = (count - 1) * BYTES;
      long lastLength = entries.get(ValueLayout.JAVA_LONG, last + LEN_OFFSET);
      if (entries.get(ValueLayout.JAVA_LONG, last + BASE_OFFSET) + lastLength == base) {
        entries.set(ValueLayout.JAVA_LONG, last + LEN_OFFSET, lastLength + byteCount);
        totalBytes += byteCount;
        return;
      }
    }
    Objects.checkIndex(count, capacity);
    entries.set(ValueLayout.JAVA_LONG, count * BYTES + BASE_OFFSET, base);
    entries.set(ValueLayout.JAVA_LONG, count * BYTES + LEN_OFFSET, byteCount);
    count++;
    totalBytes += byteCount;
  }

  /**
   * Adds all entries of {@code other}.
   *
   * @throws IndexOutOfBoundsException if the array is full
   */
  public void addAll(IovecArray other) {
    Objects.checkFromIndexSize(count, other.count, capacity);
    MemorySegment.copy(other.entries, 0, entries, count * BYTES, other.count * BYTES);
    count += other.count;
    totalBytes += other.totalBytes;
  }

  /**
   * Adds the entries for the first {@code byteCount} bytes of {@code other}, which stays as it is.
   *
   * @throws IndexOutOfBoundsException if {@code other} has fewer or the array is full
   */
  public void addPrefix(IovecArray other, long byteCount) {
    Objects.checkFromIndexSize(0, byteCount, other.totalBytes);
    long left = byteCount;
    for (int i = 0; left > 0; i++) {
      Objects.checkIndex(count, capacity);
      long length =
          Math.min(left, other.entries.get(ValueLayout.JAVA_LONG, i * BYTES + LEN_OFFSET));
      long base = other.entries.get(ValueLayout.JAVA_LONG, i * BYTES + BASE_OFFSET);
      entries.set(ValueLayout.JAVA_LONG, count * BYTES + BASE_OFFSET, base);
      entries.set(ValueLayout.JAVA_LONG, count * BYTES + LEN_OFFSET, length);
      count++;
      left -= length;
    }
    totalBytes += byteCount;
  }

  /**
   * Gathers all bytes in {@code target}; returns how many.
   *
   * @throws IndexOutOfBoundsException if {@code target} is too small
   */
  public long copyTo(MemorySegment target) {
    long done = 0;
    for (int i = 0; i < count; i++) {
      long base = entries.get(ValueLayout.JAVA_LONG, i * BYTES + BASE_OFFSET);
      long length = entries.get(ValueLayout.JAVA_LONG, i * BYTES + LEN_OFFSET);
      MemorySegment.copy(ADDRESS_SPACE, base, target, done, length);
      done += length;
    }
    return done;
  }

  /** Drops the first {@code byteCount} bytes, after a short transfer. */
  public void consume(long byteCount) {
    Objects.checkFromIndexSize(0, byteCount, totalBytes);
    if (byteCount == totalBytes) {
      clear();
      return;
    }
    long left = byteCount;
    int from = 0;
    while (left > 0) {
      long length = entries.get(ValueLayout.JAVA_LONG, from * BYTES + LEN_OFFSET);
      if (length > left) {
        long base = entries.get(ValueLayout.JAVA_LONG, from * BYTES + BASE_OFFSET);
        entries.set(ValueLayout.JAVA_LONG, from * BYTES + BASE_OFFSET, base + left);
        entries.set(ValueLayout.JAVA_LONG, from * BYTES + LEN_OFFSET, length - left);
        break;
      }
      left -= length;
      from++;
    }
    MemorySegment.copy(entries, from * BYTES, entries, 0, (count - from) * BYTES);
    count -= from;
    totalBytes -= byteCount;
  }

  /** Whether every entry's address and length are multiples of {@code alignment}, a power of 2. */
  public boolean isAligned(int alignment) {
    long low = 0;
    for (int i = 0; i < count; i++) {
      low |= entries.get(ValueLayout.JAVA_LONG, i * BYTES + BASE_OFFSET);
      low |= entries.get(ValueLayout.JAVA_LONG, i * BYTES + LEN_OFFSET);
    }
    return (low & (alignment - 1)) == 0;
  }

  /**
   * Copies the first {@code byteCount} bytes behind the entries to {@code target}, which starts
   * with them, or back from it.
   *
   * @throws IndexOutOfBoundsException if there are fewer, here or there
   */
  public void copy(MemorySegment target, long byteCount, Direction direction) {
    Objects.checkFromIndexSize(0, byteCount, totalBytes);
    long done = 0;
    for (int i = 0; done < byteCount; i++) {
      long length = entries.get(ValueLayout.JAVA_LONG, i * BYTES + LEN_OFFSET);
      long step = Math.min(length, byteCount - done);
      MemorySegment entry =
          Libc.view(entries.get(ValueLayout.JAVA_LONG, i * BYTES + BASE_OFFSET), length);
      switch (direction) {
        case TO_TARGET -> MemorySegment.copy(entry, 0, target, done, step);
        case FROM_TARGET -> MemorySegment.copy(target, done, entry, 0, step);
      }
      done += step;
    }
  }

  /** Which way {@link #copy} goes. */
  public enum Direction {
    TO_TARGET,
    FROM_TARGET
  }

  /** Writes zeros to all bytes behind the entries. */
  public void zero() {
    for (int i = 0; i < count; i++) {
      Libc.view(
              entries.get(ValueLayout.JAVA_LONG, i * BYTES + BASE_OFFSET),
              entries.get(ValueLayout.JAVA_LONG, i * BYTES + LEN_OFFSET))
          .fill((byte) 0);
    }
  }

  /** Entries in use. */
  public int count() {
    return count;
  }

  /** Sum of all lengths. */
  public long totalBytes() {
    return totalBytes;
  }

  long address() {
    return entries.address();
  }
}
