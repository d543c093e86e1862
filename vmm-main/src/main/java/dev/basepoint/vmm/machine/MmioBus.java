package dev.basepoint.vmm.machine;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The guest-physical addresses that are neither RAM nor in the kernel's hands. What nobody claims
 * reads as all ones.
 */
public final class MmioBus {
  static final long OPEN_BUS = -1;

  private record Claim(long baseGpa, long sizeBytes, MmioDevice device) {}

  private final List<Claim> claims = new ArrayList<>();
  private long[] bases = {};
  private long[] sizes = {};
  private MmioDevice[] devices = {};

  /**
   * Claims a range; only before the machine runs.
   *
   * @throws IllegalArgumentException if it is empty, wraps around or is taken
   */
  public void add(long baseGpa, long sizeBytes, MmioDevice device) {
    if (baseGpa < 0 || sizeBytes <= 0 || baseGpa + sizeBytes < 0) {
      throw new IllegalArgumentException(
          "device range of " + sizeBytes + " bytes at GPA 0x" + Long.toHexString(baseGpa));
    }
    for (Claim claim : claims) {
      if (baseGpa < claim.baseGpa + claim.sizeBytes && claim.baseGpa < baseGpa + sizeBytes) {
        throw new IllegalArgumentException(
            "GPA 0x" + Long.toHexString(baseGpa) + " is taken by another device");
      }
    }
    claims.add(new Claim(baseGpa, sizeBytes, device));
    claims.sort(Comparator.comparingLong(Claim::baseGpa));
    bases = claims.stream().mapToLong(Claim::baseGpa).toArray();
    sizes = claims.stream().mapToLong(Claim::sizeBytes).toArray();
    devices = claims.stream().map(Claim::device).toArray(MmioDevice[]::new);
  }

  long read(long gpa, int bytes) {
    int index = find(gpa, bytes);
    return index < 0 ? OPEN_BUS : devices[index].read(gpa - bases[index], bytes);
  }

  void write(long gpa, int bytes, long value) {
    int index = find(gpa, bytes);
    if (index >= 0) {
      devices[index].write(gpa - bases[index], bytes, value);
    }
  }

  /** The claim that holds the whole access, or -1. */
  private int find(long gpa, int bytes) {
    int low = 0;
    int high = bases.length - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      long offset = gpa - bases[middle];
      if (offset < 0) {
        high = middle - 1;
      } else if (offset >= sizes[middle]) {
        low = middle + 1;
      } else {
        return offset + bytes <= sizes[middle] ? middle : -1;
      }
    }
    return -1;
  }
}
