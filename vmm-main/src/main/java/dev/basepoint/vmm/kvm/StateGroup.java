package dev.basepoint.vmm.kvm;

/**
 * A part of a vCPU's state that the kernel reads and writes in one piece. The content is the
 * kernel's business; only its size is ours.
 *
 * <p>The order is the one in which they are written: special registers before the local APIC, whose
 * base address they hold; general registers before pending events, which they would clear.
 */
public enum StateGroup {
  /** KVM API 4.38, struct kvm_mp_state. */
  MP_STATE(0x98, 0x99, Integer.BYTES),
  /** KVM API 4.11, struct kvm_regs. */
  REGS(0x81, 0x82, KvmRegs.BYTES),
  /** KVM API 4.13, struct kvm_sregs. */
  SREGS(0x83, 0x84, KvmSregs.BYTES),
  /** KVM API 4.42, struct kvm_xsave: x87, SSE, AVX and what else XCR0 enables. */
  XSAVE(0xa4, 0xa5, 4096),
  /** KVM API 4.44, struct kvm_xcrs. */
  XCRS(0xa6, 0xa7, 392),
  /** KVM API 4.33, struct kvm_debugregs. */
  DEBUGREGS(0xa1, 0xa2, 128),
  /** KVM API 4.57, struct kvm_lapic_state. */
  LAPIC(0x8e, 0x8f, 1024),
  /** Not read by an ioctl of its own kind; holds its place in the order. KVM API 4.18. */
  MSRS(0, 0, 0),
  /** KVM API 4.31, struct kvm_vcpu_events. */
  VCPU_EVENTS(0x9f, 0xa0, 64);

  private final int getNumber;
  private final int setNumber;
  private final long bytes;

  StateGroup(int getNumber, int setNumber, long bytes) {
    this.getNumber = getNumber;
    this.setNumber = setNumber;
    this.bytes = bytes;
  }

  /** The size of the structure. */
  public long bytes() {
    return bytes;
  }

  long getRequest() {
    return KvmApi.ior(getNumber, bytes);
  }

  long setRequest() {
    return KvmApi.iow(setNumber, bytes);
  }
}
