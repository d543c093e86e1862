package dev.basepoint.vmm.kvm;

/**
 * One answer of the CPUID instruction.
 *
 * @param function the leaf, EAX on entry
 * @param index the sub-leaf, ECX on entry, if {@code flags} say that it counts
 * @param flags KVM_CPUID_FLAG_SIGNIFCANT_INDEX
 */
public record CpuidEntry(int function, int index, int flags, int eax, int ebx, int ecx, int edx) {
  /** The answer depends on ECX; the misspelling is the kernel's. */
  public static final int KVM_CPUID_FLAG_SIGNIFCANT_INDEX = 1;

  /** The same question with another answer. */
  public CpuidEntry withRegisters(int eax, int ebx, int ecx, int edx) {
    return new CpuidEntry(function, index, flags, eax, ebx, ecx, edx);
  }
}
