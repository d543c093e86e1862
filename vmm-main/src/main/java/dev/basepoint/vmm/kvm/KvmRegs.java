package dev.basepoint.vmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The general registers of a vCPU (KVM API 4.11).
 *
 * <pre>
 *   struct kvm_regs, all u64
 *   0    8    16   24   32   40   48   56   64  ...  128  136     144
 *   +----+----+----+----+----+----+----+----+---   --+----+-------+
 *   |rax |rbx |rcx |rdx |rsi |rdi |rsp |rbp |r8 .. r15|rip |rflags |
 *   +----+----+----+----+----+----+----+----+---   --+----+-------+
 * </pre>
 */
public final class KvmRegs {
  static final long RAX = 0;
  static final long RBX = RAX + Long.BYTES;
  static final long RCX = RBX + Long.BYTES;
  static final long RDX = RCX + Long.BYTES;
  static final long RSI = RDX + Long.BYTES;
  static final long RDI = RSI + Long.BYTES;
  static final long RSP = RDI + Long.BYTES;
  static final long RBP = RSP + Long.BYTES;
  static final long R8 = RBP + Long.BYTES;
  static final long RIP = R8 + 8 * Long.BYTES;
  static final long RFLAGS = RIP + Long.BYTES;
  static final long BYTES = RFLAGS + Long.BYTES;

  private final MemorySegment segment = Arena.ofAuto().allocate(BYTES, 8);

  MemorySegment segment() {
    return segment;
  }

  public void setRbx(long value) {
    segment.set(ValueLayout.JAVA_LONG, RBX, value);
  }

  public void setRip(long value) {
    segment.set(ValueLayout.JAVA_LONG, RIP, value);
  }

  public long rip() {
    return segment.get(ValueLayout.JAVA_LONG, RIP);
  }

  public void setRflags(long value) {
    segment.set(ValueLayout.JAVA_LONG, RFLAGS, value);
  }

  /** The registers that tell where the guest was and what it held. */
  @Override
  public String toString() {
    return "rip=%x rflags=%x rax=%x rbx=%x rcx=%x rdx=%x rsi=%x rdi=%x rsp=%x rbp=%x"
        .formatted(
            rip(),
            segment.get(ValueLayout.JAVA_LONG, RFLAGS),
            segment.get(ValueLayout.JAVA_LONG, RAX),
            segment.get(ValueLayout.JAVA_LONG, RBX),
            segment.get(ValueLayout.JAVA_LONG, RCX),
            segment.get(ValueLayout.JAVA_LONG, RDX),
            segment.get(ValueLayout.JAVA_LONG, RSI),
            segment.get(ValueLayout.JAVA_LONG, RDI),
            segment.get(ValueLayout.JAVA_LONG, RSP),
            segment.get(ValueLayout.JAVA_LONG, RBP));
  }
}
