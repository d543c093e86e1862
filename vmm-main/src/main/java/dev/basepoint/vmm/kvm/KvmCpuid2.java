package dev.basepoint.vmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * A table of CPUID answers (KVM API 4.46).
 *
 * <pre>
 *   struct kvm_cpuid2                 struct kvm_cpuid_entry2
 *   0      4         8                0          4       8       12    16    20    24    28      40
 *   +------+---------+---------       +----------+-------+-------+-----+-----+-----+-----+-------+
 *   | nent | padding | entries        | function | index | flags | eax | ebx | ecx | edx | pad   |
 *   +------+---------+---------       +----------+-------+-------+-----+-----+-----+-----+-------+
 * </pre>
 */
final class KvmCpuid2 {
  static final long NENT = 0;
  static final long PADDING = NENT + Integer.BYTES;
  static final long HEADER_BYTES = PADDING + Integer.BYTES;

  static final long ENTRY_FUNCTION = 0;
  static final long ENTRY_INDEX = ENTRY_FUNCTION + Integer.BYTES;
  static final long ENTRY_FLAGS = ENTRY_INDEX + Integer.BYTES;
  static final long ENTRY_EAX = ENTRY_FLAGS + Integer.BYTES;
  static final long ENTRY_EBX = ENTRY_EAX + Integer.BYTES;
  static final long ENTRY_ECX = ENTRY_EBX + Integer.BYTES;
  static final long ENTRY_EDX = ENTRY_ECX + Integer.BYTES;
  static final long ENTRY_PADDING = ENTRY_EDX + Integer.BYTES;
  static final long ENTRY_BYTES = ENTRY_PADDING + 12;

  /** More than any kernel reports; the kernel's own limit is 256. */
  static final int ENTRIES_MAX = 256;

  private KvmCpuid2() {}

  /** Room for the kernel to answer into. */
  static MemorySegment room(Arena arena) {
    MemorySegment table = arena.allocate(HEADER_BYTES + ENTRY_BYTES * ENTRIES_MAX, 8);
    table.set(ValueLayout.JAVA_INT, NENT, ENTRIES_MAX);
    return table;
  }

  static List<CpuidEntry> decode(MemorySegment table) {
    int count = Math.clamp(table.get(ValueLayout.JAVA_INT, NENT), 0, ENTRIES_MAX);
    List<CpuidEntry> entries = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      long at = HEADER_BYTES + ENTRY_BYTES * i;
      entries.add(
          new CpuidEntry(
              table.get(ValueLayout.JAVA_INT, at + ENTRY_FUNCTION),
              table.get(ValueLayout.JAVA_INT, at + ENTRY_INDEX),
              table.get(ValueLayout.JAVA_INT, at + ENTRY_FLAGS),
              table.get(ValueLayout.JAVA_INT, at + ENTRY_EAX),
              table.get(ValueLayout.JAVA_INT, at + ENTRY_EBX),
              table.get(ValueLayout.JAVA_INT, at + ENTRY_ECX),
              table.get(ValueLayout.JAVA_INT, at + ENTRY_EDX)));
    }
    return entries;
  }

  static MemorySegment encode(Arena arena, List<CpuidEntry> entries) {
    MemorySegment table = arena.allocate(HEADER_BYTES + ENTRY_BYTES * entries.size(), 8);
    table.set(ValueLayout.JAVA_INT, NENT, entries.size());
    long at = HEADER_BYTES;
    for (CpuidEntry entry : entries) {
      table.set(ValueLayout.JAVA_INT, at + ENTRY_FUNCTION, entry.function());
      table.set(ValueLayout.JAVA_INT, at + ENTRY_INDEX, entry.index());
      table.set(ValueLayout.JAVA_INT, at + ENTRY_FLAGS, entry.flags());
      table.set(ValueLayout.JAVA_INT, at + ENTRY_EAX, entry.eax());
      table.set(ValueLayout.JAVA_INT, at + ENTRY_EBX, entry.ebx());
      table.set(ValueLayout.JAVA_INT, at + ENTRY_ECX, entry.ecx());
      table.set(ValueLayout.JAVA_INT, at + ENTRY_EDX, entry.edx());
      at += ENTRY_BYTES;
    }
    return table;
  }
}
