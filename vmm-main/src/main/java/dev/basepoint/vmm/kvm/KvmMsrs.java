package dev.basepoint.vmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * A batch of model-specific registers (KVM API 4.18, 4.19).
 *
 * <pre>
 *   struct kvm_msrs                   struct kvm_msr_entry
 *   0       4     8                   0       4          8      16
 *   +-------+-----+-----------        +-------+----------+------+
 *   | nmsrs | pad | entries...        | index | reserved | data |
 *   +-------+-----+-----------        +-------+----------+------+
 * </pre>
 */
final class KvmMsrs {
  static final long NMSRS = 0;
  static final long PAD = NMSRS + Integer.BYTES;
  static final long HEADER_BYTES = PAD + Integer.BYTES;

  static final long ENTRY_INDEX = 0;
  static final long ENTRY_RESERVED = ENTRY_INDEX + Integer.BYTES;
  static final long ENTRY_DATA = ENTRY_RESERVED + Integer.BYTES;
  static final long ENTRY_BYTES = ENTRY_DATA + Long.BYTES;

  private KvmMsrs() {}

  static MemorySegment encode(Arena arena, Msr... msrs) {
    MemorySegment segment = arena.allocate(HEADER_BYTES + ENTRY_BYTES * msrs.length, 8);
    segment.set(ValueLayout.JAVA_INT, NMSRS, msrs.length);
    long at = HEADER_BYTES;
    for (Msr msr : msrs) {
      segment.set(ValueLayout.JAVA_INT, at + ENTRY_INDEX, msr.index());
      segment.set(ValueLayout.JAVA_LONG, at + ENTRY_DATA, msr.value());
      at += ENTRY_BYTES;
    }
    return segment;
  }

  /** The first {@code count} entries. */
  static List<Msr> decode(MemorySegment segment, int count) {
    List<Msr> msrs = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      long at = HEADER_BYTES + ENTRY_BYTES * i;
      msrs.add(
          new Msr(
              segment.get(ValueLayout.JAVA_INT, at + ENTRY_INDEX),
              segment.get(ValueLayout.JAVA_LONG, at + ENTRY_DATA)));
    }
    return msrs;
  }
}
