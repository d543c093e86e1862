package dev.basepoint.vmm.kvm;

/** A model-specific register's number and content. */
public record Msr(int index, long value) {
  public static final int MSR_IA32_MISC_ENABLE = 0x1a0;
  public static final int MSR_MTRRdefType = 0x2ff;
}
