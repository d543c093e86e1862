package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.memory.MemoryRegion;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * What the front end shares of its memory, mapped and checked: no region wraps around, overlaps
 * another or reaches beyond the end of its file.
 *
 * <p>The files need no seals, since most front ends' have none. Who truncates one afterwards takes
 * pages away from this process: system calls then fail with EFAULT, and the JVM turns the SIGBUS of
 * its own accesses into an {@link InternalError}, which ends the process that serves that front end
 * and nothing else.
 */
final class SharedMemory implements AutoCloseable {
  /** The most regions there can be, with {@link ProtocolFeatures#CONFIGURE_MEM_SLOTS}. */
  static final int SLOTS_MAX = 32;

  private static final long PAGE_BYTES = 4096;

  /** No front end is larger; keeps sums far from overflow. */
  private static final long REGION_BYTES_MAX = 1L << 46;

  private record Mapped(SharedRegion region, Mapping mapping, MemoryRegion memory) {}

  private final List<Mapped> regions = new ArrayList<>();
  private GuestMemory memory;

  /**
   * Maps {@code regions} in place of all that were mapped before. Their descriptors are closed.
   *
   * @throws RequestRefusedException if they make no sense together; nothing is mapped then
   */
  void replace(List<SharedRegion> added) throws RequestRefusedException {
    close();
    boolean complete = false;
    try {
      for (SharedRegion region : added) {
        regions.add(map(region));
      }
      memory = addressSpace();
      complete = true;
    } finally {
      added.forEach(region -> region.memory().close());
      if (!complete) {
        close();
      }
    }
  }

  /**
   * Maps one more region and closes its descriptor.
   *
   * @throws RequestRefusedException if it makes no sense beside the others, which stay
   */
  void add(SharedRegion region) throws RequestRefusedException {
    try (Fd _ = region.memory()) {
      if (regions.size() == SLOTS_MAX) {
        throw new RequestRefusedException("more than " + SLOTS_MAX + " memory regions");
      }
      Mapped mapped = map(region);
      regions.add(mapped);
      boolean fits = false;
      try {
        memory = addressSpace();
        fits = true;
      } finally {
        if (!fits) {
          regions.removeLast();
          mapped.mapping().close();
        }
      }
    }
  }

  /** Unmaps the region with the same addresses and size. */
  void remove(SharedRegion named) throws RequestRefusedException {
    for (Mapped mapped : regions) {
      SharedRegion region = mapped.region();
      if (region.baseGpa() == named.baseGpa()
          && region.sizeBytes() == named.sizeBytes()
          && region.userAddress() == named.userAddress()) {
        regions.remove(mapped);
        mapped.mapping().close();
        memory = regions.isEmpty() ? null : addressSpace();
        return;
      }
    }
    throw new RequestRefusedException("no such memory region");
  }

  private static Mapped map(SharedRegion region) throws RequestRefusedException {
    long size = region.sizeBytes();
    long offset = region.mmapOffset();
    if (size <= 0 || size > REGION_BYTES_MAX || offset < 0 || offset > REGION_BYTES_MAX) {
      throw new RequestRefusedException(
          "memory region of 0x%x bytes at file offset 0x%x".formatted(size, offset));
    }
    if (Long.compareUnsigned(region.userAddress() + size - 1, region.userAddress()) < 0) {
      throw new RequestRefusedException("memory region wraps around in the front end");
    }
    try {
      long fileBytes = MemFd.sizeBytes(region.memory());
      if (offset + size > fileBytes) {
        throw new RequestRefusedException(
            "memory region ends at 0x%x of a file of 0x%x bytes"
                .formatted(offset + size, fileBytes));
      }
      return mapped(region, offset & -PAGE_BYTES);
    } catch (ErrnoException e) {
      throw new RequestRefusedException("memory region cannot be mapped: " + e.getMessage());
    }
  }

  private static Mapped mapped(SharedRegion region, long from)
      throws ErrnoException, RequestRefusedException {
    long before = region.mmapOffset() - from;
    Mapping mapping;
    try {
      mapping = Mapping.shared(region.memory(), from, before + region.sizeBytes(), true);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EINVAL || from == 0) {
        throw e;
      }
      // Large pages: offsets must be multiples of their size, which the start of the file always
      // is.
      return mapped(region, 0);
    }
    try {
      MemoryRegion memory =
          new MemoryRegion(
              region.baseGpa(),
              region.sizeBytes(),
              mapping.segment().asSlice(before, region.sizeBytes()));
      SharedRegion described =
          new SharedRegion(
              region.baseGpa(), region.sizeBytes(), region.userAddress(), from + before, null);
      return new Mapped(described, mapping, memory);
    } catch (IllegalArgumentException e) {
      mapping.close();
      throw new RequestRefusedException(e.getMessage());
    }
  }

  private GuestMemory addressSpace() throws RequestRefusedException {
    try {
      return new GuestMemory(regions.stream().map(Mapped::memory).toList());
    } catch (IllegalArgumentException e) {
      throw new RequestRefusedException(e.getMessage());
    }
  }

  /** Whether anything is mapped. */
  boolean isPresent() {
    return memory != null;
  }

  /** What is mapped, by guest-physical addresses. */
  GuestMemory memory() {
    return memory;
  }

  /** The guest-physical address of what the front end itself has at {@code userAddress}. */
  OptionalLong gpaOf(long userAddress) {
    for (Mapped mapped : regions) {
      long offset = userAddress - mapped.region().userAddress();
      if (Long.compareUnsigned(offset, mapped.region().sizeBytes()) < 0) {
        return OptionalLong.of(mapped.region().baseGpa() + offset);
      }
    }
    return OptionalLong.empty();
  }

  /** Unmaps everything; nobody may use it any more. */
  @Override
  public void close() {
    regions.forEach(mapped -> mapped.mapping().close());
    regions.clear();
    memory = null;
  }
}
