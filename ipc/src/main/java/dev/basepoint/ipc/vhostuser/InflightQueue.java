package dev.basepoint.ipc.vhostuser;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Which chains of one split queue are in flight, in memory that survives this process.
 *
 * <pre>
 *   0          8         10         12                16         16 + 16*size
 *   +----------+---------+----------+-----------------+----------+----------
 *   | features | version | desc_num | last_batch_head | used_idx | one per descriptor
 *   | u64      | u16     | u16      | u16             | u16      |
 *   +----------+---------+----------+-----------------+----------+----------
 *
 *   0          1          6      8          16 bytes
 *   +----------+----------+------+----------+
 *   | inflight | padding  | next | counter  |   per descriptor
 *   +----------+----------+------+----------+
 * </pre>
 *
 * A process may be killed between any two stores, so their order matters: a chain is marked before
 * it is served; a batch of completed chains is linked, then the used index is published, then the
 * marks are taken away, then {@code used_idx} follows. {@link #recover} tells from what it finds
 * how far its predecessor had come. The front end can write here too, so what is read is only
 * believed to name chains, each of which is checked like any other.
 *
 * <p>Belongs to the queue thread once the queue runs. Nothing allocates but {@link #recover}.
 */
public final class InflightQueue {
  private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT;
  private static final short VERSION = 1;
  private static final long VERSION_OFFSET = 8;
  private static final long DESC_NUM_OFFSET = 10;
  private static final long LAST_BATCH_HEAD_OFFSET = 12;
  private static final long USED_IDX_OFFSET = 14;
  private static final long DESCRIPTORS_OFFSET = 16;
  private static final long NEXT_OFFSET = 6;
  private static final long COUNTER_OFFSET = 8;
  private static final long DESCRIPTOR_BYTES = 16;

  private final MemorySegment region;
  private final int queueSize;
  private final int[] batch;
  private int batchCount;
  private long counter;

  InflightQueue(MemorySegment region, int queueSize) {
    this.region = region;
    this.queueSize = queueSize;
    batch = new int[queueSize];
  }

  static long sizeBytes(int queueSize) {
    return DESCRIPTORS_OFFSET + queueSize * DESCRIPTOR_BYTES;
  }

  /**
   * Finds the chains that nobody has completed, in the order in which they were taken.
   *
   * @param usedIdx the used ring's index
   */
  int[] recover(int usedIdx) {
    if (region.get(U16, VERSION_OFFSET) != VERSION) {
      region.set(U16, VERSION_OFFSET, VERSION);
      region.set(U16, DESC_NUM_OFFSET, (short) queueSize);
      region.set(U16, USED_IDX_OFFSET, (short) usedIdx);
      return new int[0];
    }
    int published = (usedIdx - region.get(U16, USED_IDX_OFFSET)) & 0xffff;
    int head = Short.toUnsignedInt(region.get(U16, LAST_BATCH_HEAD_OFFSET));
    for (int i = 0; i < published && i < queueSize && head < queueSize; i++) {
      mark(head, (byte) 0);
      head = Short.toUnsignedInt(region.get(U16, at(head) + NEXT_OFFSET));
    }
    region.set(U16, USED_IDX_OFFSET, (short) usedIdx);
    int[] unfinished =
        IntStream.range(0, queueSize)
            .filter(i -> region.get(ValueLayout.JAVA_BYTE, at(i)) != 0)
            .boxed()
            .sorted(Comparator.comparingLong(this::counterOf))
            .mapToInt(Integer::intValue)
            .toArray();
    counter = Arrays.stream(unfinished).mapToLong(this::counterOf).max().orElse(0) + 1;
    return unfinished;
  }

  private long counterOf(int head) {
    return region.get(ValueLayout.JAVA_LONG, at(head) + COUNTER_OFFSET);
  }

  /** A chain has been popped and is about to be served. */
  public void taken(int head) {
    region.set(ValueLayout.JAVA_LONG, at(head) + COUNTER_OFFSET, counter++);
    VarHandle.storeStoreFence();
    mark(head, (byte) 1);
    VarHandle.storeStoreFence();
  }

  /** A chain has been put back unserved. */
  public void putBack(int head) {
    mark(head, (byte) 0);
  }

  /** A chain is done and will be in the next batch that is published. */
  public void completed(int head) {
    region.set(U16, at(head) + NEXT_OFFSET, region.get(U16, LAST_BATCH_HEAD_OFFSET));
    VarHandle.storeStoreFence();
    region.set(U16, LAST_BATCH_HEAD_OFFSET, (short) head);
    batch[batchCount++] = head;
  }

  /** The used index has been published, with all that was completed. */
  public void published(int usedIdx) {
    VarHandle.storeStoreFence();
    for (int i = 0; i < batchCount; i++) {
      mark(batch[i], (byte) 0);
    }
    batchCount = 0;
    VarHandle.storeStoreFence();
    region.set(U16, USED_IDX_OFFSET, (short) usedIdx);
  }

  private void mark(int head, byte value) {
    region.set(ValueLayout.JAVA_BYTE, at(head), value);
  }

  private static long at(int head) {
    return DESCRIPTORS_OFFSET + head * DESCRIPTOR_BYTES;
  }
}
