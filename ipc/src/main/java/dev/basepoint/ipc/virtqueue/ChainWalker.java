package dev.basepoint.ipc.virtqueue;

import dev.basepoint.ipc.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Reads descriptor chains out of a table that the driver may rewrite at any time, virtio 1.2
 * §2.7.5. Each descriptor is loaded once, as two words, into locals; what was checked is what goes
 * into the {@link DescriptorChain}.
 */
final class ChainWalker {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;

  private final GuestMemory memory;
  private final MemorySegment desc;
  private final int queueSize;
  private final boolean indirectDesc;
  private final QueueLimits limits;

  ChainWalker(GuestMemory memory, RingAddresses addresses, long features, QueueLimits limits) {
    this.memory = memory;
    this.limits = limits;
    desc = addresses.desc(memory);
    queueSize = addresses.queueSize();
    indirectDesc = (features & RingFeatures.VIRTIO_F_INDIRECT_DESC) != 0;
  }

  /**
   * Reads the chain that starts at {@code head}, which is below the queue size.
   *
   * @param chain receives the buffers; worthless unless the answer is CHAIN
   * @return CHAIN or a chain fault
   */
  PopResult walk(int head, DescriptorChain chain) {
    MemorySegment table = desc;
    long tableOffset = 0;
    long entries = queueSize;
    int index = head;
    long visitedInTable = 0;
    int visited = 0;
    boolean inIndirect = false;
    boolean writableSeen = false;
    int maxDescriptors = Math.min(limits.maxDescriptors(), chain.capacity());
    while (true) {
      long at = tableOffset + index * VirtqDesc.BYTES;
      long gpa = table.get(WORD, at + VirtqDesc.ADDR_OFFSET);
      long word = table.get(WORD, at + VirtqDesc.LEN_OFFSET);
      long length = VirtqDesc.length(word);
      int flags = VirtqDesc.flags(word);
      if ((flags & VirtqDesc.VIRTQ_DESC_F_INDIRECT) != 0) {
        PopResult fault = indirectFault(flags, length, inIndirect);
        if (fault != PopResult.CHAIN) {
          return fault;
        }
        int region = memory.regionOf(gpa, length);
        if (region < 0) {
          return PopResult.INDIRECT_OUT_OF_RANGE;
        }
        table = memory.segment(region);
        tableOffset = memory.offset(region, gpa);
        entries = length / VirtqDesc.BYTES;
        index = 0;
        visitedInTable = 0;
        inIndirect = true;
        continue;
      }
      if (++visitedInTable > entries) {
        return PopResult.CYCLE;
      }
      if (++visited > maxDescriptors) {
        return PopResult.TOO_MANY_DESCRIPTORS;
      }
      boolean writable = (flags & VirtqDesc.VIRTQ_DESC_F_WRITE) != 0;
      if (writableSeen && !writable) {
        return PopResult.READABLE_AFTER_WRITABLE;
      }
      writableSeen = writable;
      if (length != 0) {
        int region = memory.regionOf(gpa, length);
        if (region < 0) {
          return PopResult.BUFFER_OUT_OF_RANGE;
        }
        if (chain.totalBytes() + length > limits.maxBytes()) {
          return PopResult.TOO_MANY_BYTES;
        }
        if (writable) {
          chain.addWritable(gpa, region, length);
        } else {
          chain.addReadable(gpa, region, length);
        }
      }
      if ((flags & VirtqDesc.VIRTQ_DESC_F_NEXT) == 0) {
        return PopResult.CHAIN;
      }
      index = VirtqDesc.next(word);
      if (index >= entries) {
        return PopResult.NEXT_OUT_OF_RANGE;
      }
    }
  }

  private PopResult indirectFault(int flags, long length, boolean inIndirect) {
    if (!indirectDesc) {
      return PopResult.INDIRECT_NOT_NEGOTIATED;
    }
    if (inIndirect) {
      return PopResult.INDIRECT_NESTED;
    }
    if ((flags & VirtqDesc.VIRTQ_DESC_F_NEXT) != 0) {
      return PopResult.INDIRECT_WITH_NEXT;
    }
    if (length == 0 || length % VirtqDesc.BYTES != 0) {
      return PopResult.INDIRECT_BAD_LENGTH;
    }
    return PopResult.CHAIN;
  }
}
