package dev.basepoint.vmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

final class CpuidTopologyTest {
  private static final List<CpuidEntry> HOST =
      List.of(
          new CpuidEntry(0, 0, 0, 0x1f, 0, 0, 0),
          new CpuidEntry(1, 0, 0, 0x306f2, 0x0f20_0800, 0x7ffa_fbff, 0xffff_ffff),
          new CpuidEntry(4, 0, 1, 0x7c00_4121, 1, 2, 3),
          new CpuidEntry(4, 3, 1, 0x7c07_c163, 1, 2, 3),
          new CpuidEntry(0xb, 0, 1, 1, 2, 0x100, 15),
          new CpuidEntry(0x1f, 0, 1, 1, 2, 0x100, 15),
          new CpuidEntry(0x8000_0001, 0, 0, 0, 0, 0xffff, 0),
          new CpuidEntry(0x8000_0008, 0, 0, 0x3030, 5, 0x703f, 7));

  private static CpuidEntry find(List<CpuidEntry> entries, int function, int index) {
    return entries.stream()
        .filter(entry -> entry.function() == function && entry.index() == index)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void everyVcpuHasItsOwnApicId() {
    List<CpuidEntry> third = CpuidTopology.forVcpu(HOST, 2, 6, true);
    assertEquals(2, find(third, 1, 0).ebx() >>> 24);
    assertEquals(6, find(third, 1, 0).ebx() >> 16 & 0xff);
    assertEquals(0x0800, find(third, 1, 0).ebx() & 0xffff);
    for (int subLeaf = 0; subLeaf < 3; subLeaf++) {
      assertEquals(2, find(third, 0xb, subLeaf).edx());
    }
  }

  @Test
  void topologyLeafDescribesOneThreadPerCore() {
    List<CpuidEntry> entries = CpuidTopology.forVcpu(HOST, 0, 6, false);
    CpuidEntry smt = find(entries, 0xb, 0);
    assertEquals(0, smt.eax());
    assertEquals(1, smt.ebx());
    assertEquals(0x100, smt.ecx());
    CpuidEntry core = find(entries, 0xb, 1);
    assertEquals(3, core.eax(), "six cores need three bits");
    assertEquals(6, core.ebx());
    assertEquals(0x201, core.ecx());
    assertEquals(0, find(entries, 0xb, 2).ecx() >> 8);
    assertTrue(entries.stream().noneMatch(entry -> entry.function() == 0x1f));
  }

  @Test
  void cachesAreSharedByPackageFromLevelThree() {
    List<CpuidEntry> entries = CpuidTopology.forVcpu(HOST, 0, 4, false);
    assertEquals(0, find(entries, 4, 0).eax() >> 14 & 0xfff);
    assertEquals(3, find(entries, 4, 3).eax() >> 14 & 0xfff);
    assertEquals(3, find(entries, 4, 3).eax() >>> 26);
    assertEquals(0x2003, find(entries, 0x8000_0008, 0).ecx() & 0xf0ff);
  }

  @Test
  void singleVcpuHasNoHyperThreadingBit() {
    CpuidEntry one = find(CpuidTopology.forVcpu(HOST, 0, 1, true), 1, 0);
    assertEquals(0, one.edx() & 1 << 28);
    assertNotEquals(0, one.ecx() & 1 << 24, "TSC deadline timer");
    assertNotEquals(0, one.ecx() & 1 << 31, "hypervisor");
  }

  @Test
  void virtualMachinesInsideTheGuestAreNotOffered() {
    List<CpuidEntry> entries = CpuidTopology.forVcpu(HOST, 0, 2, true);
    assertEquals(0, find(entries, 1, 0).ecx() & 1 << 5, "VMX");
    assertEquals(0xfffb, find(entries, 0x8000_0001, 0).ecx(), "all but SVM");
  }
}
