package dev.basepoint.ipc.virtqueue;

import dev.basepoint.ipc.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A validated descriptor chain: the buffers of one request, flattened. Reusable; {@link
 * DeviceQueue#pop} fills it.
 *
 * <pre>
 *   segment    0 ... readableCount - 1 | readableCount ... count - 1
 *              device-readable         | device-writable
 * </pre>
 *
 * Addresses and lengths are private copies that the driver cannot change any more; the bytes they
 * refer to stay shared, so a device copies a header out before it examines it. Zero-length
 * descriptors have been dropped. Byte positions count from the start of the readable or of the
 * writable part, whatever the division into descriptors, since virtio 1.2 §2.7.4 forbids devices to
 * depend on that.
 *
 * <p>Belongs to one thread. Nothing allocates after construction.
 */
public final class DescriptorChain {
  private final long[] gpas;
  private final int[] regions;
  private final long[] lengths;
  private GuestMemory memory;
  private int headId;
  private int readableCount;
  private int count;
  private long readableBytes;
  private long writableBytes;

  /** Makes room for {@code capacity} segments; chains with more count as too long. */
  public DescriptorChain(int capacity) {
    gpas = new long[capacity];
    regions = new int[capacity];
    lengths = new long[capacity];
  }

  /** The most segments that fit. */
  public int capacity() {
    return gpas.length;
  }

  /** The index of the first descriptor, which names the chain in {@link DeviceQueue#push}. */
  public int headId() {
    return headId;
  }

  /** The number of segments. */
  public int count() {
    return count;
  }

  /** The number of device-readable segments; the first of the writable ones has this index. */
  public int readableCount() {
    return readableCount;
  }

  /** The number of device-writable segments. */
  public int writableCount() {
    return count - readableCount;
  }

  /** Bytes that the driver offers to the device. */
  public long readableBytes() {
    return readableBytes;
  }

  /** Bytes that the device may write. */
  public long writableBytes() {
    return writableBytes;
  }

  /** Whether the device may write segment {@code index}. */
  public boolean isWritable(int index) {
    return index >= readableCount;
  }

  /** Guest-physical address of a segment. */
  public long gpa(int index) {
    return gpas[index];
  }

  /** Length of a segment in bytes, 1 to 2^32 - 1. */
  public long length(int index) {
    return lengths[index];
  }

  /** The memory that holds a segment. */
  public MemorySegment memory(int index) {
    return memory.segment(regions[index]);
  }

  /** Where in {@link #memory} a segment starts. */
  public long offset(int index) {
    return memory.offset(regions[index], gpas[index]);
  }

  /**
   * Copies readable bytes from {@code position} on; returns how many there were, at most {@code
   * byteCount}.
   */
  public long copyFromReadable(
      long position, MemorySegment target, long targetOffset, long byteCount) {
    long skip = position;
    long done = 0;
    for (int i = 0; i < readableCount && done < byteCount; i++) {
      if (skip >= lengths[i]) {
        skip -= lengths[i];
        continue;
      }
      long step = Math.min(lengths[i] - skip, byteCount - done);
      MemorySegment.copy(memory(i), offset(i) + skip, target, targetOffset + done, step);
      done += step;
      skip = 0;
    }
    return done;
  }

  /**
   * Copies into the writable bytes from {@code position} on; returns how many fitted, at most
   * {@code byteCount}.
   */
  public long copyToWritable(
      long position, MemorySegment source, long sourceOffset, long byteCount) {
    long skip = position;
    long done = 0;
    for (int i = readableCount; i < count && done < byteCount; i++) {
      if (skip >= lengths[i]) {
        skip -= lengths[i];
        continue;
      }
      long step = Math.min(lengths[i] - skip, byteCount - done);
      MemorySegment.copy(source, sourceOffset + done, memory(i), offset(i) + skip, step);
      done += step;
      skip = 0;
    }
    return done;
  }

  /** Writes one writable byte, as a status; false if there is none at {@code position}. */
  public boolean putWritable(long position, int value) {
    long skip = position;
    for (int i = readableCount; i < count; i++) {
      if (skip < lengths[i]) {
        memory(i).set(ValueLayout.JAVA_BYTE, offset(i) + skip, (byte) value);
        return true;
      }
      skip -= lengths[i];
    }
    return false;
  }

  /**
   * Hands the ranges of {@code byteCount} readable bytes from {@code position} on to a sink;
   * returns how many bytes there were.
   */
  public long readableRanges(long position, long byteCount, RangeSink sink) {
    return ranges(0, readableCount, position, byteCount, sink);
  }

  /** As {@link #readableRanges}, of the writable part. */
  public long writableRanges(long position, long byteCount, RangeSink sink) {
    return ranges(readableCount, count, position, byteCount, sink);
  }

  private long ranges(int from, int to, long position, long byteCount, RangeSink sink) {
    long skip = position;
    long done = 0;
    for (int i = from; i < to && done < byteCount; i++) {
      if (skip >= lengths[i]) {
        skip -= lengths[i];
        continue;
      }
      long step = Math.min(lengths[i] - skip, byteCount - done);
      sink.add(memory(i), offset(i) + skip, step);
      done += step;
      skip = 0;
    }
    return done;
  }

  void begin(GuestMemory space, int head) {
    memory = space;
    headId = head;
    clear();
  }

  void clear() {
    readableCount = 0;
    count = 0;
    readableBytes = 0;
    writableBytes = 0;
  }

  void addReadable(long gpa, int region, long length) {
    append(gpa, region, length);
    readableCount = count;
    readableBytes += length;
  }

  void addWritable(long gpa, int region, long length) {
    append(gpa, region, length);
    writableBytes += length;
  }

  long totalBytes() {
    return readableBytes + writableBytes;
  }

  private void append(long gpa, int region, long length) {
    gpas[count] = gpa;
    regions[count] = region;
    lengths[count] = length;
    count++;
  }
}
