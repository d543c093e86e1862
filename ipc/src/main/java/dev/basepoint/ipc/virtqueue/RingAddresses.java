package dev.basepoint.ipc.virtqueue;

import dev.basepoint.ipc.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Where a split virtqueue lies, virtio 1.2 §2.7: three areas in the driver's address space. In a
 * window the addresses are offsets from its start.
 *
 * @param queueSize number of descriptors and of ring entries
 * @param descGpa descriptor table
 * @param availGpa available ring, which the driver writes
 * @param usedGpa used ring, which the device writes
 */
public record RingAddresses(int queueSize, long descGpa, long availGpa, long usedGpa) {
  /** The largest queue size of §2.7. */
  public static final int MAX_QUEUE_SIZE = 32768;

  /** Why a virtqueue cannot be set up at these addresses. */
  public enum Refusal {
    /** The queue size is not a power of two in 1..32768. */
    BAD_QUEUE_SIZE,
    /** The descriptor table is not 16-byte aligned. */
    DESC_MISALIGNED,
    /** The available ring is not 2-byte aligned. */
    AVAIL_MISALIGNED,
    /** The used ring is not 4-byte aligned. */
    USED_MISALIGNED,
    /** The descriptor table is not wholly in memory. */
    DESC_OUT_OF_RANGE,
    /** The available ring is not wholly in memory. */
    AVAIL_OUT_OF_RANGE,
    /** The used ring is not wholly in memory. */
    USED_OUT_OF_RANGE
  }

  /** Whether {@code queueSize} is a power of two in 1..32768. */
  public static boolean isQueueSize(int queueSize) {
    return queueSize > 0 && queueSize <= MAX_QUEUE_SIZE && Integer.bitCount(queueSize) == 1;
  }

  /** What forbids a virtqueue here, or nothing. */
  public Optional<Refusal> refusal(GuestMemory memory) {
    if (!isQueueSize(queueSize)) {
      return Optional.of(Refusal.BAD_QUEUE_SIZE);
    }
    if (!memory.contains(descGpa, VirtqDesc.tableBytes(queueSize))) {
      return Optional.of(Refusal.DESC_OUT_OF_RANGE);
    }
    if (!memory.contains(availGpa, VirtqAvail.ringBytes(queueSize))) {
      return Optional.of(Refusal.AVAIL_OUT_OF_RANGE);
    }
    if (!memory.contains(usedGpa, VirtqUsed.ringBytes(queueSize))) {
      return Optional.of(Refusal.USED_OUT_OF_RANGE);
    }
    if (isMisaligned(memory, descGpa, VirtqDesc.ALIGNMENT)) {
      return Optional.of(Refusal.DESC_MISALIGNED);
    }
    if (isMisaligned(memory, availGpa, VirtqAvail.ALIGNMENT)) {
      return Optional.of(Refusal.AVAIL_MISALIGNED);
    }
    if (isMisaligned(memory, usedGpa, VirtqUsed.ALIGNMENT)) {
      return Optional.of(Refusal.USED_MISALIGNED);
    }
    return Optional.empty();
  }

  MemorySegment desc(GuestMemory memory) {
    return slice(memory, descGpa, VirtqDesc.tableBytes(queueSize), VirtqDesc.ALIGNMENT);
  }

  MemorySegment avail(GuestMemory memory) {
    return slice(memory, availGpa, VirtqAvail.ringBytes(queueSize), VirtqAvail.ALIGNMENT);
  }

  MemorySegment used(GuestMemory memory) {
    return slice(memory, usedGpa, VirtqUsed.ringBytes(queueSize), VirtqUsed.ALIGNMENT);
  }

  /** Also judges where the address is mapped here, since ordered access needs it aligned there. */
  private static boolean isMisaligned(GuestMemory memory, long gpa, long alignment) {
    int region = memory.regionOf(gpa, 0);
    long mapped = memory.segment(region).address() + memory.offset(region, gpa);
    return gpa % alignment != 0 || mapped % alignment != 0;
  }

  private static MemorySegment slice(GuestMemory memory, long gpa, long bytes, long alignment) {
    int region = memory.regionOf(gpa, bytes);
    return memory.segment(region).asSlice(memory.offset(region, gpa), bytes, alignment);
  }
}
