package dev.basepoint.ipc.memory;

import java.lang.foreign.MemorySegment;

/**
 * A piece of a guest-physical address space and the memory behind it.
 *
 * @param baseGpa first guest-physical address
 * @param sizeBytes how many bytes of {@code memory} the guest sees, from its start
 * @param memory off-heap memory in this process
 */
public record MemoryRegion(long baseGpa, long sizeBytes, MemorySegment memory) {
  /** Checks that the memory is there and that the region does not wrap around 2^64. */
  public MemoryRegion {
    if (sizeBytes <= 0 || sizeBytes > memory.byteSize()) {
      throw new IllegalArgumentException(
          "memory region of " + sizeBytes + " bytes over " + memory.byteSize() + " bytes");
    }
    if (Long.compareUnsigned(baseGpa + (sizeBytes - 1), baseGpa) < 0) {
      throw new IllegalArgumentException(
          "memory region at GPA 0x" + Long.toHexString(baseGpa) + " wraps around 2^64");
    }
    if (!memory.isNative() || memory.isReadOnly()) {
      throw new IllegalArgumentException("a memory region needs writable off-heap memory");
    }
  }
}
