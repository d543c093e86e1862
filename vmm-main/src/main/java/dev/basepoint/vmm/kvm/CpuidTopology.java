package dev.basepoint.vmm.kvm;

import java.util.ArrayList;
import java.util.List;

/**
 * What CPUID answers each vCPU of one package with one thread per core: the host's features with
 * the machine's own APIC ids and core counts (Intel SDM vol. 2A "CPUID", AMD APM vol. 3 appendix
 * E).
 */
public final class CpuidTopology {
  private static final int ECX_X2APIC_LEVEL_SMT = 1 << 8;
  private static final int ECX_X2APIC_LEVEL_CORE = 2 << 8;
  private static final int ECX_HYPERVISOR = 1 << 31;
  private static final int ECX_TSC_DEADLINE = 1 << 24;
  private static final int EDX_HTT = 1 << 28;
  private static final int ECX_CMP_LEGACY = 1 << 1;

  /** VMs inside the guest would have state of their own, which nobody saves. */
  private static final int ECX_VMX = 1 << 5;

  private static final int ECX_SVM = 1 << 2;

  private CpuidTopology() {}

  /**
   * Returns the table for vCPU {@code index} of {@code count}.
   *
   * @param supported the host's answer, {@link KvmSystem#supportedCpuid}
   */
  public static List<CpuidEntry> forVcpu(
      List<CpuidEntry> supported, int index, int count, boolean tscDeadlineTimer) {
    List<CpuidEntry> entries = new ArrayList<>(supported.size() + 3);
    for (CpuidEntry entry : supported) {
      switch (entry.function()) {
        case 0x1 -> entries.add(leaf1(entry, index, count, tscDeadlineTimer));
        case 0x4 -> entries.add(cacheLeaf(entry, count, true));
        // The host's topology would contradict ours; 0x1f, when absent, defers to 0xb.
        case 0xb, 0x1f -> {}
        case 0x8000_0001 ->
            entries.add(
                entry.withRegisters(
                    entry.eax(),
                    entry.ebx(),
                    (count > 1 ? entry.ecx() | ECX_CMP_LEGACY : entry.ecx() & ~ECX_CMP_LEGACY)
                        & ~ECX_SVM,
                    entry.edx()));
        case 0x8000_0008 ->
            entries.add(
                entry.withRegisters(
                    entry.eax(),
                    entry.ebx(),
                    (entry.ecx() & ~0xf0ff) | apicIdBits(count) << 12 | (count - 1),
                    entry.edx()));
        case 0x8000_001d -> entries.add(cacheLeaf(entry, count, false));
        case 0x8000_001e -> entries.add(entry.withRegisters(index, index, 0, 0));
        default -> entries.add(entry);
      }
    }
    if (basicLeafMax(supported) >= 0xb) {
      entries.add(topologyLeaf(0, 0, 1, ECX_X2APIC_LEVEL_SMT, index));
      entries.add(topologyLeaf(1, apicIdBits(count), count, ECX_X2APIC_LEVEL_CORE, index));
      entries.add(topologyLeaf(2, 0, 0, 0, index));
    }
    return entries;
  }

  private static CpuidEntry leaf1(
      CpuidEntry entry, int index, int count, boolean tscDeadlineTimer) {
    int ebx = (entry.ebx() & 0xffff) | index << 24 | count << 16;
    int ecx = (entry.ecx() & ~ECX_VMX) | ECX_HYPERVISOR | (tscDeadlineTimer ? ECX_TSC_DEADLINE : 0);
    int edx = count > 1 ? entry.edx() | EDX_HTT : entry.edx() & ~EDX_HTT;
    return entry.withRegisters(entry.eax(), ebx, ecx, edx);
  }

  /** Caches up to level 2 belong to one core, level 3 to the package. */
  private static CpuidEntry cacheLeaf(CpuidEntry entry, int count, boolean coresInLeaf) {
    int type = entry.eax() & 0x1f;
    int level = entry.eax() >> 5 & 0x7;
    if (type == 0) {
      return entry;
    }
    int idsMinusOne = (1 << apicIdBits(count)) - 1;
    int sharing = level >= 3 ? idsMinusOne : 0;
    int eax = (entry.eax() & 0x3fff) | sharing << 14 | (coresInLeaf ? idsMinusOne << 26 : 0);
    return entry.withRegisters(eax, entry.ebx(), entry.ecx(), entry.edx());
  }

  private static CpuidEntry topologyLeaf(int subLeaf, int shift, int count, int level, int apicId) {
    return new CpuidEntry(
        0xb,
        subLeaf,
        CpuidEntry.KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
        shift,
        count,
        level | subLeaf,
        apicId);
  }

  /** Bits that tell {@code count} cores apart. */
  private static int apicIdBits(int count) {
    return Integer.SIZE - Integer.numberOfLeadingZeros(count - 1);
  }

  private static int basicLeafMax(List<CpuidEntry> supported) {
    return supported.stream()
        .filter(entry -> entry.function() == 0)
        .mapToInt(CpuidEntry::eax)
        .findFirst()
        .orElse(0);
  }
}
