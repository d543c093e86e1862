package dev.basepoint.vmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The special registers of a vCPU (KVM API 4.13).
 *
 * <pre>
 *   struct kvm_sregs; segments of 24 bytes, tables of 16
 *   0    24   48   72   96   120  144  168   192   208   224   232   240   248   256   264
 *   +----+----+----+----+----+----+----+-----+-----+-----+-----+-----+-----+-----+-----+
 *   | cs | ds | es | fs | gs | ss | tr | ldt | gdt | idt | cr0 | cr2 | cr3 | cr4 | cr8 |
 *   +----+----+----+----+----+----+----+-----+-----+-----+-----+-----+-----+-----+-----+
 *   264    272         280                312
 *   +------+-----------+------------------+
 *   | efer | apic_base | interrupt_bitmap |
 *   +------+-----------+------------------+
 * </pre>
 */
public final class KvmSregs {
  private static final long TABLE_BYTES = 16;

  static final long CS = 0;
  static final long DS = CS + KvmSegment.BYTES;
  static final long ES = DS + KvmSegment.BYTES;
  static final long FS = ES + KvmSegment.BYTES;
  static final long GS = FS + KvmSegment.BYTES;
  static final long SS = GS + KvmSegment.BYTES;
  static final long TR = SS + KvmSegment.BYTES;
  static final long LDT = TR + KvmSegment.BYTES;
  static final long GDT = LDT + KvmSegment.BYTES;
  static final long IDT = GDT + TABLE_BYTES;
  static final long CR0 = IDT + TABLE_BYTES;
  static final long CR2 = CR0 + Long.BYTES;
  static final long CR3 = CR2 + Long.BYTES;
  static final long CR4 = CR3 + Long.BYTES;
  static final long CR8 = CR4 + Long.BYTES;
  static final long EFER = CR8 + Long.BYTES;
  static final long APIC_BASE = EFER + Long.BYTES;
  static final long INTERRUPT_BITMAP = APIC_BASE + Long.BYTES;
  static final long BYTES = INTERRUPT_BITMAP + 4 * Long.BYTES;

  private static final long CR0_PE = 1;
  private static final long CR0_ET = 1 << 4;

  /**
   * Selectors that a guest's own GDT usually has; only the hidden parts count until it loads one.
   */
  private static final int CODE_SELECTOR = 0x08;

  private static final int DATA_SELECTOR = 0x10;

  private final MemorySegment segment = Arena.ofAuto().allocate(BYTES, 8);

  MemorySegment segment() {
    return segment;
  }

  /**
   * Turns the reset state into the one in which a PVH kernel starts: 32-bit protected mode, flat
   * segments, no paging (Xen's x86/HVM direct boot ABI).
   */
  public void setFlatProtectedMode() {
    KvmSegment.setFlatCode32(segment, CS, CODE_SELECTOR);
    for (long at : new long[] {DS, ES, FS, GS, SS}) {
      KvmSegment.setFlatData32(segment, at, DATA_SELECTOR);
    }
    KvmSegment.setTss(segment, TR);
    segment.set(ValueLayout.JAVA_LONG, CR0, CR0_PE | CR0_ET);
    segment.set(ValueLayout.JAVA_LONG, CR4, 0);
    segment.set(ValueLayout.JAVA_LONG, EFER, 0);
  }

  /** The registers that tell in which mode the guest was. */
  @Override
  public String toString() {
    return "cs=%x cr0=%x cr2=%x cr3=%x cr4=%x efer=%x"
        .formatted(
            segment.get(ValueLayout.JAVA_SHORT, CS + KvmSegment.SELECTOR),
            segment.get(ValueLayout.JAVA_LONG, CR0),
            segment.get(ValueLayout.JAVA_LONG, CR2),
            segment.get(ValueLayout.JAVA_LONG, CR3),
            segment.get(ValueLayout.JAVA_LONG, CR4),
            segment.get(ValueLayout.JAVA_LONG, EFER));
  }
}
