package dev.basepoint.ipc.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * The address space of whoever drives a virtqueue: guest RAM in vmm-main, the window in a device
 * server. The only class that turns a guest-physical address (GPA) into memory.
 *
 * <p>A range counts as inside only if it lies wholly in one region; ranges across two adjacent
 * regions are refused, because no single segment could back them. Addresses and lengths come from
 * untrusted peers, so being outside is an ordinary answer here, never an exception, and costs
 * nothing.
 *
 * <p>Immutable and safe for all threads. Nothing allocates after construction.
 */
public final class GuestMemory {
  private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED;

  private final long[] bases;
  private final long[] sizes;
  private final MemorySegment[] segments;

  /**
   * Makes an address space of {@code regions}.
   *
   * @throws IllegalArgumentException if there is none or two overlap
   */
  public GuestMemory(List<MemoryRegion> regions) {
    List<MemoryRegion> sorted =
        regions.stream().sorted((a, b) -> Long.compareUnsigned(a.baseGpa(), b.baseGpa())).toList();
    if (sorted.isEmpty()) {
      throw new IllegalArgumentException("an address space needs at least one memory region");
    }
    bases = new long[sorted.size()];
    sizes = new long[sorted.size()];
    segments = new MemorySegment[sorted.size()];
    for (int i = 0; i < bases.length; i++) {
      MemoryRegion region = sorted.get(i);
      if (i > 0 && Long.compareUnsigned(sizes[i - 1], region.baseGpa() - bases[i - 1]) > 0) {
        throw new IllegalArgumentException(
            "memory regions overlap at GPA 0x" + Long.toHexString(region.baseGpa()));
      }
      bases[i] = region.baseGpa();
      sizes[i] = region.sizeBytes();
      segments[i] = region.memory();
    }
  }

  /** An address space of one region at GPA 0, as a device server sees its window. */
  public static GuestMemory ofWindow(MemorySegment window) {
    return new GuestMemory(List.of(new MemoryRegion(0, window.byteSize(), window)));
  }

  /**
   * The index of the region that holds all of [{@code gpa}, {@code gpa + byteCount}), or -1. An
   * empty range is inside where its first address is. A negative count is never inside.
   */
  public int regionOf(long gpa, long byteCount) {
    for (int i = 0; i < bases.length; i++) {
      long offset = gpa - bases[i];
      // Unsigned: an address below the base wraps to a huge offset, so no sum can overflow.
      if (Long.compareUnsigned(offset, sizes[i]) < 0) {
        return byteCount >= 0 && byteCount <= sizes[i] - offset ? i : -1;
      }
    }
    return -1;
  }

  /** Whether all of [{@code gpa}, {@code gpa + byteCount}) is inside one region. */
  public boolean contains(long gpa, long byteCount) {
    return regionOf(gpa, byteCount) >= 0;
  }

  /** The memory of a region, {@code region} being an answer of {@link #regionOf}. */
  public MemorySegment segment(int region) {
    return segments[region];
  }

  /** Where {@code gpa} is in {@link #segment}, {@code region} being {@link #regionOf} it. */
  public long offset(int region, long gpa) {
    return gpa - bases[region];
  }

  /** The number of regions; their indices ascend with their addresses. */
  public int regionCount() {
    return bases.length;
  }

  /** The first address of a region. */
  public long baseGpa(int region) {
    return bases[region];
  }

  /** The size of a region in bytes. */
  public long sizeBytes(int region) {
    return sizes[region];
  }

  /** Copies guest memory out, all or nothing; false if the range is outside. */
  public boolean copyFrom(long gpa, MemorySegment target, long targetOffset, long byteCount) {
    int region = regionOf(gpa, byteCount);
    if (region < 0) {
      return false;
    }
    MemorySegment.copy(segments[region], gpa - bases[region], target, targetOffset, byteCount);
    return true;
  }

  /** Copies into guest memory, all or nothing; false if the range is outside. */
  public boolean copyTo(long gpa, MemorySegment source, long sourceOffset, long byteCount) {
    int region = regionOf(gpa, byteCount);
    if (region < 0) {
      return false;
    }
    MemorySegment.copy(source, sourceOffset, segments[region], gpa - bases[region], byteCount);
    return true;
  }

  /** Reads one byte, unsigned; -1 if outside. */
  public int readU8(long gpa) {
    int region = regionOf(gpa, Byte.BYTES);
    return region < 0
        ? -1
        : Byte.toUnsignedInt(segments[region].get(ValueLayout.JAVA_BYTE, gpa - bases[region]));
  }

  /** Reads a little-endian u16; -1 if outside. */
  public int readU16(long gpa) {
    int region = regionOf(gpa, Short.BYTES);
    return region < 0 ? -1 : Short.toUnsignedInt(segments[region].get(U16, gpa - bases[region]));
  }

  /** Reads a little-endian u32; -1 if outside. */
  public long readU32(long gpa) {
    int region = regionOf(gpa, Integer.BYTES);
    return region < 0 ? -1 : Integer.toUnsignedLong(segments[region].get(U32, gpa - bases[region]));
  }

  /** Writes one byte; false if outside. */
  public boolean writeU8(long gpa, int value) {
    int region = regionOf(gpa, Byte.BYTES);
    if (region < 0) {
      return false;
    }
    segments[region].set(ValueLayout.JAVA_BYTE, gpa - bases[region], (byte) value);
    return true;
  }

  /** Writes a little-endian u16; false if outside. */
  public boolean writeU16(long gpa, int value) {
    int region = regionOf(gpa, Short.BYTES);
    if (region < 0) {
      return false;
    }
    segments[region].set(U16, gpa - bases[region], (short) value);
    return true;
  }

  /** Writes a little-endian u32; false if outside. */
  public boolean writeU32(long gpa, int value) {
    int region = regionOf(gpa, Integer.BYTES);
    if (region < 0) {
      return false;
    }
    segments[region].set(U32, gpa - bases[region], value);
    return true;
  }

  /** Writes a little-endian u64; false if outside. */
  public boolean writeU64(long gpa, long value) {
    int region = regionOf(gpa, Long.BYTES);
    if (region < 0) {
      return false;
    }
    segments[region].set(U64, gpa - bases[region], value);
    return true;
  }
}
