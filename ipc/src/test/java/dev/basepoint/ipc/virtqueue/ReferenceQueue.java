package dev.basepoint.ipc.virtqueue;

import dev.basepoint.ipc.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What {@link DeviceQueue#pop} ought to answer, computed a second time and differently: field by
 * field, with {@code Math.*Exact} arithmetic, lists and sets. It is asked just before the real
 * queue and while nobody writes to the memory.
 */
final class ReferenceQueue {
  private final GuestMemory memory;
  private final RingAddresses addresses;
  private final boolean indirectDesc;
  private final QueueLimits limits;
  private final Set<Integer> inFlight = new HashSet<>();
  private long popped;
  private long available;

  /** A buffer as the driver described it. */
  record Buffer(long gpa, long length, boolean writable) {}

  /** The answer: {@code head} is -1 and {@code buffers} empty where there is none. */
  record Answer(PopResult result, int head, List<Buffer> buffers) {}

  ReferenceQueue(GuestMemory memory, RingAddresses addresses, long features, QueueLimits limits) {
    this.memory = memory;
    this.addresses = addresses;
    this.indirectDesc = (features & RingFeatures.VIRTIO_F_INDIRECT_DESC) != 0;
    this.limits = limits;
  }

  Answer pop() {
    if (popped == available) {
      int idx = u16(addresses.availGpa() + VirtqAvail.IDX_OFFSET);
      long ahead = Math.floorMod(idx - popped, 65536L);
      if (ahead == 0) {
        return new Answer(PopResult.EMPTY, -1, List.of());
      }
      if (ahead + inFlight.size() > addresses.queueSize()) {
        return new Answer(PopResult.AVAIL_INDEX_JUMP, -1, List.of());
      }
      available += ahead;
    }
    int head =
        u16(
            addresses.availGpa()
                + VirtqAvail.RING_OFFSET
                + popped % addresses.queueSize() * VirtqAvail.ENTRY_BYTES);
    if (head >= addresses.queueSize()) {
      return new Answer(PopResult.HEAD_OUT_OF_RANGE, -1, List.of());
    }
    if (!inFlight.add(head)) {
      return new Answer(PopResult.HEAD_IN_FLIGHT, -1, List.of());
    }
    popped++;
    List<Buffer> buffers = new ArrayList<>();
    PopResult result = walk(head, buffers);
    return new Answer(result, head, result == PopResult.CHAIN ? buffers : List.of());
  }

  void push(int head) {
    inFlight.remove(head);
  }

  private PopResult walk(int head, List<Buffer> buffers) {
    long table = addresses.descGpa();
    long entries = addresses.queueSize();
    boolean indirect = false;
    long steps = 0;
    long stepsInTable = 0;
    boolean sawWritable = false;
    long bytes = 0;
    int index = head;
    while (true) {
      long at = table + index * VirtqDesc.BYTES;
      long gpa = u32(at) | u32(at + 4) << 32;
      long length = u32(at + 8);
      int flags = u16(at + 12);
      int next = u16(at + 14);
      boolean hasNext = (flags & 1) == 1;
      boolean writable = (flags & 2) == 2;
      if ((flags & 4) == 4) {
        if (!indirectDesc) {
          return PopResult.INDIRECT_NOT_NEGOTIATED;
        } else if (indirect) {
          return PopResult.INDIRECT_NESTED;
        } else if (hasNext) {
          return PopResult.INDIRECT_WITH_NEXT;
        } else if (length == 0 || length % 16 != 0) {
          return PopResult.INDIRECT_BAD_LENGTH;
        } else if (!inMemory(gpa, length)) {
          return PopResult.INDIRECT_OUT_OF_RANGE;
        }
        indirect = true;
        table = gpa;
        entries = length / 16;
        index = 0;
        stepsInTable = 0;
        continue;
      }
      steps++;
      stepsInTable++;
      if (stepsInTable > entries) {
        return PopResult.CYCLE;
      }
      if (steps > limits.maxDescriptors()) {
        return PopResult.TOO_MANY_DESCRIPTORS;
      }
      if (sawWritable && !writable) {
        return PopResult.READABLE_AFTER_WRITABLE;
      }
      sawWritable = writable;
      if (length > 0) {
        if (!inMemory(gpa, length)) {
          return PopResult.BUFFER_OUT_OF_RANGE;
        }
        bytes = Math.addExact(bytes, length);
        if (bytes > limits.maxBytes()) {
          return PopResult.TOO_MANY_BYTES;
        }
        buffers.add(new Buffer(gpa, length, writable));
      }
      if (!hasNext) {
        return PopResult.CHAIN;
      }
      if (next >= entries) {
        return PopResult.NEXT_OUT_OF_RANGE;
      }
      index = next;
    }
  }

  private boolean inMemory(long gpa, long length) {
    for (int i = 0; i < memory.regionCount(); i++) {
      long base = memory.baseGpa(i);
      // Test memory lies in the positive half of the address space.
      long end = Math.addExact(base, memory.sizeBytes(i));
      if (gpa >= base && gpa < end && length <= end - gpa) {
        return true;
      }
    }
    return false;
  }

  private int u16(long gpa) {
    return Short.toUnsignedInt(segment(gpa, 2).get(ValueLayout.JAVA_SHORT_UNALIGNED, 0));
  }

  private long u32(long gpa) {
    return Integer.toUnsignedLong(segment(gpa, 4).get(ValueLayout.JAVA_INT_UNALIGNED, 0));
  }

  private MemorySegment segment(long gpa, long byteCount) {
    for (int i = 0; i < memory.regionCount(); i++) {
      long offset = gpa - memory.baseGpa(i);
      if (offset >= 0 && offset + byteCount <= memory.sizeBytes(i)) {
        return memory.segment(i).asSlice(offset, byteCount);
      }
    }
    throw new AssertionError("the reference itself went outside memory");
  }
}
