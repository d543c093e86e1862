package dev.basepoint.ipc.window;

import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.virtqueue.VirtqAvail;
import dev.basepoint.ipc.virtqueue.VirtqDesc;
import dev.basepoint.ipc.virtqueue.VirtqUsed;
import java.util.ArrayList;
import java.util.List;

/**
 * Where everything lies in a window, the only memory that vmm-main and one device server share.
 *
 * <pre>
 *   | queue 0                                | queue 1 ... | slot area            |
 *   | desc | avail | (page) | used | (page)  |             |                      |
 *   0                                                      slotsOffset            totalBytes
 * </pre>
 *
 * Each queue starts on a page; its used ring, which the other side writes, has pages of its own, so
 * that no cache line has two writers but the slots'. Addresses in the rings are offsets from the
 * window's start.
 *
 * @param queues ring addresses by queue index
 * @param slotsOffset start of the slot area, page-aligned
 * @param slotsBytes size of the slot area, whole pages
 */
public record WindowLayout(List<RingAddresses> queues, long slotsOffset, long slotsBytes) {
  /** The unit of alignment in a window. */
  public static final long PAGE_BYTES = 4096;

  private static final long CACHE_LINE_BYTES = 64;

  /** Checks what {@link #compute} promises. */
  public WindowLayout {
    queues = List.copyOf(queues);
    if (slotsOffset < 0 || slotsOffset % PAGE_BYTES != 0) {
      throw new IllegalArgumentException("slotsOffset " + slotsOffset);
    }
    if (slotsBytes <= 0 || slotsBytes % PAGE_BYTES != 0) {
      throw new IllegalArgumentException("slotsBytes " + slotsBytes);
    }
  }

  /**
   * Lays out a window.
   *
   * @param queueSizes descriptors of each queue, powers of two
   * @param minSlotsBytes size of the slot area, rounded up to whole pages
   * @throws IllegalArgumentException if a size is impossible
   */
  public static WindowLayout compute(List<Integer> queueSizes, long minSlotsBytes) {
    List<RingAddresses> queues = new ArrayList<>();
    long at = 0;
    for (int queueSize : queueSizes) {
      if (!RingAddresses.isQueueSize(queueSize)) {
        throw new IllegalArgumentException("queue size " + queueSize);
      }
      long desc = at;
      long avail = alignUp(desc + VirtqDesc.tableBytes(queueSize), CACHE_LINE_BYTES);
      long used = alignUp(avail + VirtqAvail.ringBytes(queueSize), PAGE_BYTES);
      at = alignUp(used + VirtqUsed.ringBytes(queueSize), PAGE_BYTES);
      queues.add(new RingAddresses(queueSize, desc, avail, used));
    }
    return new WindowLayout(queues, at, alignUp(minSlotsBytes, PAGE_BYTES));
  }

  /** Size of the whole window in bytes. */
  public long totalBytes() {
    return slotsOffset + slotsBytes;
  }

  private static long alignUp(long value, long alignment) {
    return (value + alignment - 1) & -alignment;
  }
}
