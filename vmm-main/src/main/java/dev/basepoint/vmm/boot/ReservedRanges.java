package dev.basepoint.vmm.boot;

import java.util.ArrayList;
import java.util.List;

/** Guest memory that is already spoken for while a machine is being loaded. */
final class ReservedRanges {
  private record Range(long firstGpa, long endGpa, String owner) {}

  private final List<Range> ranges = new ArrayList<>();

  /**
   * Takes [{@code gpa}, {@code gpa + byteCount}), which the caller knows to be inside RAM.
   *
   * @throws BootException if some of it is taken
   */
  void take(long gpa, long byteCount, String owner) throws BootException {
    for (Range range : ranges) {
      if (gpa < range.endGpa && range.firstGpa < gpa + byteCount) {
        throw new BootException(
            "%s at GPA 0x%x..0x%x overlaps %s at 0x%x..0x%x"
                .formatted(owner, gpa, gpa + byteCount, range.owner, range.firstGpa, range.endGpa));
      }
    }
    ranges.add(new Range(gpa, gpa + byteCount, owner));
  }

  /** Whether nothing in the range is taken. */
  boolean isFree(long gpa, long byteCount) {
    return ranges.stream()
        .noneMatch(range -> gpa < range.endGpa && range.firstGpa < gpa + byteCount);
  }
}
