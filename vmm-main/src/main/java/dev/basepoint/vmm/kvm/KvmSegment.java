package dev.basepoint.vmm.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A segment register with its hidden part.
 *
 * <pre>
 *   struct kvm_segment
 *   0      8       12         14     15        16    17   18  19  20  21    22         23        24
 *   +------+-------+----------+------+---------+-----+----+---+---+---+-----+----------+---------+
 *   | base | limit | selector | type | present | dpl | db | s | l | g | avl | unusable | padding |
 *   +------+-------+----------+------+---------+-----+----+---+---+---+-----+----------+---------+
 * </pre>
 */
final class KvmSegment {
  static final long BASE = 0;
  static final long LIMIT = BASE + Long.BYTES;
  static final long SELECTOR = LIMIT + Integer.BYTES;
  static final long TYPE = SELECTOR + Short.BYTES;
  static final long PRESENT = TYPE + Byte.BYTES;
  static final long DPL = PRESENT + Byte.BYTES;
  static final long DB = DPL + Byte.BYTES;
  static final long S = DB + Byte.BYTES;
  static final long L = S + Byte.BYTES;
  static final long G = L + Byte.BYTES;
  static final long AVL = G + Byte.BYTES;
  static final long UNUSABLE = AVL + Byte.BYTES;
  static final long PADDING = UNUSABLE + Byte.BYTES;
  static final long BYTES = PADDING + Byte.BYTES;

  /** Execute, read, accessed: a code segment in use. */
  private static final int TYPE_CODE = 0xb;

  /** Read, write, accessed. */
  private static final int TYPE_DATA = 0x3;

  /** A 32-bit task state segment in use; VT-x enters no guest without one. */
  private static final int TYPE_TSS_BUSY = 0xb;

  private static final int LIMIT_4_GIB = 0xffff_ffff;
  private static final int LIMIT_TSS = 0x67;

  private KvmSegment() {}

  static void setFlatCode32(MemorySegment sregs, long at, int selector) {
    set(sregs, at, selector, TYPE_CODE, LIMIT_4_GIB, true);
  }

  static void setFlatData32(MemorySegment sregs, long at, int selector) {
    set(sregs, at, selector, TYPE_DATA, LIMIT_4_GIB, true);
  }

  static void setTss(MemorySegment sregs, long at) {
    set(sregs, at, 0, TYPE_TSS_BUSY, LIMIT_TSS, false);
  }

  private static void set(
      MemorySegment sregs, long at, int selector, int type, int limit, boolean flat) {
    sregs.asSlice(at, BYTES).fill((byte) 0);
    byte flatBit = (byte) (flat ? 1 : 0);
    sregs.set(ValueLayout.JAVA_INT, at + LIMIT, limit);
    sregs.set(ValueLayout.JAVA_SHORT, at + SELECTOR, (short) selector);
    sregs.set(ValueLayout.JAVA_BYTE, at + TYPE, (byte) type);
    sregs.set(ValueLayout.JAVA_BYTE, at + PRESENT, (byte) 1);
    sregs.set(ValueLayout.JAVA_BYTE, at + DB, flatBit);
    sregs.set(ValueLayout.JAVA_BYTE, at + S, flatBit);
    sregs.set(ValueLayout.JAVA_BYTE, at + G, flatBit);
  }
}
