package dev.basepoint.vmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every size, offset and constant of ours against what the C compiler makes of linux/kvm.h. */
final class KvmAbiTest {
  private final Map<String, Long> expected = new LinkedHashMap<>();

  @TempDir Path directory;

  private void constant(String name, long value) {
    expected.put(name, value);
  }

  private void size(String struct, long bytes) {
    expected.put("sizeof(struct " + struct + ")", bytes);
  }

  private void offset(String struct, String field, long offset) {
    expected.put("offsetof(struct " + struct + ", " + field + ")", offset);
  }

  private void requests() {
    constant("KVM_API_VERSION", KvmApi.KVM_API_VERSION);
    constant("KVM_GET_API_VERSION", KvmApi.KVM_GET_API_VERSION);
    constant("KVM_CREATE_VM", KvmApi.KVM_CREATE_VM);
    constant("KVM_CHECK_EXTENSION", KvmApi.KVM_CHECK_EXTENSION);
    constant("KVM_GET_VCPU_MMAP_SIZE", KvmApi.KVM_GET_VCPU_MMAP_SIZE);
    constant("KVM_GET_SUPPORTED_CPUID", KvmApi.KVM_GET_SUPPORTED_CPUID);
    constant("KVM_CREATE_VCPU", KvmApi.KVM_CREATE_VCPU);
    constant("KVM_SET_USER_MEMORY_REGION", KvmApi.KVM_SET_USER_MEMORY_REGION);
    constant("KVM_SET_TSS_ADDR", KvmApi.KVM_SET_TSS_ADDR);
    constant("KVM_SET_IDENTITY_MAP_ADDR", KvmApi.KVM_SET_IDENTITY_MAP_ADDR);
    constant("KVM_CREATE_IRQCHIP", KvmApi.KVM_CREATE_IRQCHIP);
    constant("KVM_IRQFD", KvmApi.KVM_IRQFD);
    constant("KVM_CREATE_PIT2", KvmApi.KVM_CREATE_PIT2);
    constant("KVM_IOEVENTFD", KvmApi.KVM_IOEVENTFD);
    constant("KVM_RUN", KvmApi.KVM_RUN);
    constant("KVM_GET_REGS", KvmApi.KVM_GET_REGS);
    constant("KVM_SET_REGS", KvmApi.KVM_SET_REGS);
    constant("KVM_GET_SREGS", KvmApi.KVM_GET_SREGS);
    constant("KVM_SET_SREGS", KvmApi.KVM_SET_SREGS);
    constant("KVM_SET_MSRS", KvmApi.KVM_SET_MSRS);
    constant("KVM_SET_CPUID2", KvmApi.KVM_SET_CPUID2);
  }

  private void capabilities() {
    constant("KVM_CAP_IRQCHIP", KvmApi.KVM_CAP_IRQCHIP);
    constant("KVM_CAP_USER_MEMORY", KvmApi.KVM_CAP_USER_MEMORY);
    constant("KVM_CAP_SET_TSS_ADDR", KvmApi.KVM_CAP_SET_TSS_ADDR);
    constant("KVM_CAP_EXT_CPUID", KvmApi.KVM_CAP_EXT_CPUID);
    constant("KVM_CAP_IRQFD", KvmApi.KVM_CAP_IRQFD);
    constant("KVM_CAP_PIT2", KvmApi.KVM_CAP_PIT2);
    constant("KVM_CAP_IOEVENTFD", KvmApi.KVM_CAP_IOEVENTFD);
    constant("KVM_CAP_SET_IDENTITY_MAP_ADDR", KvmApi.KVM_CAP_SET_IDENTITY_MAP_ADDR);
    constant("KVM_CAP_MAX_VCPUS", KvmApi.KVM_CAP_MAX_VCPUS);
    constant("KVM_CAP_TSC_DEADLINE_TIMER", KvmApi.KVM_CAP_TSC_DEADLINE_TIMER);
    constant("KVM_CAP_IMMEDIATE_EXIT", KvmApi.KVM_CAP_IMMEDIATE_EXIT);
    constant("KVM_EXIT_IO", KvmRun.KVM_EXIT_IO);
    constant("KVM_EXIT_MMIO", KvmRun.KVM_EXIT_MMIO);
    constant("KVM_EXIT_IRQ_WINDOW_OPEN", KvmRun.KVM_EXIT_IRQ_WINDOW_OPEN);
    constant("KVM_EXIT_SHUTDOWN", KvmRun.KVM_EXIT_SHUTDOWN);
    constant("KVM_EXIT_FAIL_ENTRY", KvmRun.KVM_EXIT_FAIL_ENTRY);
    constant("KVM_EXIT_INTR", KvmRun.KVM_EXIT_INTR);
    constant("KVM_EXIT_INTERNAL_ERROR", KvmRun.KVM_EXIT_INTERNAL_ERROR);
    constant("KVM_EXIT_SYSTEM_EVENT", KvmRun.KVM_EXIT_SYSTEM_EVENT);
    constant("KVM_SYSTEM_EVENT_SHUTDOWN", KvmRun.KVM_SYSTEM_EVENT_SHUTDOWN);
    constant("KVM_SYSTEM_EVENT_RESET", KvmRun.KVM_SYSTEM_EVENT_RESET);
    constant("KVM_IOEVENTFD_FLAG_DATAMATCH", KvmIoeventfd.KVM_IOEVENTFD_FLAG_DATAMATCH);
    constant("KVM_IOEVENTFD_FLAG_DEASSIGN", KvmIoeventfd.KVM_IOEVENTFD_FLAG_DEASSIGN);
    constant("KVM_PIT_SPEAKER_DUMMY", KvmPitConfig.KVM_PIT_SPEAKER_DUMMY);
    constant("KVM_CPUID_FLAG_SIGNIFCANT_INDEX", CpuidEntry.KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
  }

  private void vmStructs() {
    String region = "kvm_userspace_memory_region";
    size(region, KvmUserspaceMemoryRegion.BYTES);
    offset(region, "slot", KvmUserspaceMemoryRegion.SLOT);
    offset(region, "flags", KvmUserspaceMemoryRegion.FLAGS);
    offset(region, "guest_phys_addr", KvmUserspaceMemoryRegion.GUEST_PHYS_ADDR);
    offset(region, "memory_size", KvmUserspaceMemoryRegion.MEMORY_SIZE);
    offset(region, "userspace_addr", KvmUserspaceMemoryRegion.USERSPACE_ADDR);
    size("kvm_irqfd", KvmIrqfd.BYTES);
    offset("kvm_irqfd", "fd", KvmIrqfd.FD);
    offset("kvm_irqfd", "gsi", KvmIrqfd.GSI);
    offset("kvm_irqfd", "flags", KvmIrqfd.FLAGS);
    offset("kvm_irqfd", "resamplefd", KvmIrqfd.RESAMPLEFD);
    size("kvm_ioeventfd", KvmIoeventfd.BYTES);
    offset("kvm_ioeventfd", "datamatch", KvmIoeventfd.DATAMATCH);
    offset("kvm_ioeventfd", "addr", KvmIoeventfd.ADDR);
    offset("kvm_ioeventfd", "len", KvmIoeventfd.LEN);
    offset("kvm_ioeventfd", "fd", KvmIoeventfd.FD);
    offset("kvm_ioeventfd", "flags", KvmIoeventfd.FLAGS);
    size("kvm_pit_config", KvmPitConfig.BYTES);
    offset("kvm_pit_config", "flags", KvmPitConfig.FLAGS);
    size("kvm_cpuid2", KvmCpuid2.HEADER_BYTES);
    offset("kvm_cpuid2", "nent", KvmCpuid2.NENT);
    size("kvm_cpuid_entry2", KvmCpuid2.ENTRY_BYTES);
    offset("kvm_cpuid_entry2", "function", KvmCpuid2.ENTRY_FUNCTION);
    offset("kvm_cpuid_entry2", "index", KvmCpuid2.ENTRY_INDEX);
    offset("kvm_cpuid_entry2", "flags", KvmCpuid2.ENTRY_FLAGS);
    offset("kvm_cpuid_entry2", "eax", KvmCpuid2.ENTRY_EAX);
    offset("kvm_cpuid_entry2", "ebx", KvmCpuid2.ENTRY_EBX);
    offset("kvm_cpuid_entry2", "ecx", KvmCpuid2.ENTRY_ECX);
    offset("kvm_cpuid_entry2", "edx", KvmCpuid2.ENTRY_EDX);
    size("kvm_msrs", KvmMsrs.HEADER_BYTES);
    offset("kvm_msrs", "nmsrs", KvmMsrs.NMSRS);
    size("kvm_msr_entry", KvmMsrs.ENTRY_BYTES);
    offset("kvm_msr_entry", "index", KvmMsrs.ENTRY_INDEX);
    offset("kvm_msr_entry", "data", KvmMsrs.ENTRY_DATA);
  }

  private void stateGroups() {
    constant("KVM_GET_MSR_INDEX_LIST", KvmApi.KVM_GET_MSR_INDEX_LIST);
    constant("KVM_GET_MSRS", KvmApi.KVM_GET_MSRS);
    constant("KVM_CAP_XSAVE2", KvmApi.KVM_CAP_XSAVE2);
    for (StateGroup group : StateGroup.values()) {
      if (group != StateGroup.MSRS) {
        constant("KVM_GET_" + group, group.getRequest());
        constant("KVM_SET_" + group, group.setRequest());
      }
    }
    constant("KVM_GET_IRQCHIP", KvmApi.KVM_GET_IRQCHIP);
    constant("KVM_SET_IRQCHIP", KvmApi.KVM_SET_IRQCHIP);
    constant("KVM_GET_PIT2", KvmApi.KVM_GET_PIT2);
    constant("KVM_SET_PIT2", KvmApi.KVM_SET_PIT2);
    constant("KVM_GET_CLOCK", KvmApi.KVM_GET_CLOCK);
    constant("KVM_SET_CLOCK", KvmApi.KVM_SET_CLOCK);
    size("kvm_irqchip", ChipState.IRQCHIP_BYTES);
    offset("kvm_irqchip", "chip_id", 0);
    size("kvm_pit_state2", ChipState.PIT_BYTES);
    size("kvm_clock_data", ChipState.CLOCK_BYTES);
    offset("kvm_clock_data", "flags", 8);
  }

  private void vcpuStructs() {
    size("kvm_regs", KvmRegs.BYTES);
    offset("kvm_regs", "rax", KvmRegs.RAX);
    offset("kvm_regs", "rbx", KvmRegs.RBX);
    offset("kvm_regs", "rcx", KvmRegs.RCX);
    offset("kvm_regs", "rdx", KvmRegs.RDX);
    offset("kvm_regs", "rsi", KvmRegs.RSI);
    offset("kvm_regs", "rdi", KvmRegs.RDI);
    offset("kvm_regs", "rsp", KvmRegs.RSP);
    offset("kvm_regs", "rbp", KvmRegs.RBP);
    offset("kvm_regs", "r8", KvmRegs.R8);
    offset("kvm_regs", "rip", KvmRegs.RIP);
    offset("kvm_regs", "rflags", KvmRegs.RFLAGS);
    size("kvm_segment", KvmSegment.BYTES);
    offset("kvm_segment", "base", KvmSegment.BASE);
    offset("kvm_segment", "limit", KvmSegment.LIMIT);
    offset("kvm_segment", "selector", KvmSegment.SELECTOR);
    offset("kvm_segment", "type", KvmSegment.TYPE);
    offset("kvm_segment", "present", KvmSegment.PRESENT);
    offset("kvm_segment", "dpl", KvmSegment.DPL);
    offset("kvm_segment", "db", KvmSegment.DB);
    offset("kvm_segment", "s", KvmSegment.S);
    offset("kvm_segment", "l", KvmSegment.L);
    offset("kvm_segment", "g", KvmSegment.G);
    offset("kvm_segment", "avl", KvmSegment.AVL);
    offset("kvm_segment", "unusable", KvmSegment.UNUSABLE);
    size("kvm_sregs", KvmSregs.BYTES);
    offset("kvm_sregs", "cs", KvmSregs.CS);
    offset("kvm_sregs", "ds", KvmSregs.DS);
    offset("kvm_sregs", "es", KvmSregs.ES);
    offset("kvm_sregs", "fs", KvmSregs.FS);
    offset("kvm_sregs", "gs", KvmSregs.GS);
    offset("kvm_sregs", "ss", KvmSregs.SS);
    offset("kvm_sregs", "tr", KvmSregs.TR);
    offset("kvm_sregs", "ldt", KvmSregs.LDT);
    offset("kvm_sregs", "gdt", KvmSregs.GDT);
    offset("kvm_sregs", "idt", KvmSregs.IDT);
    offset("kvm_sregs", "cr0", KvmSregs.CR0);
    offset("kvm_sregs", "cr2", KvmSregs.CR2);
    offset("kvm_sregs", "cr3", KvmSregs.CR3);
    offset("kvm_sregs", "cr4", KvmSregs.CR4);
    offset("kvm_sregs", "cr8", KvmSregs.CR8);
    offset("kvm_sregs", "efer", KvmSregs.EFER);
    offset("kvm_sregs", "apic_base", KvmSregs.APIC_BASE);
    offset("kvm_sregs", "interrupt_bitmap", KvmSregs.INTERRUPT_BITMAP);
    size("kvm_run", KvmRun.BYTES_MIN);
    offset("kvm_run", "immediate_exit", KvmRun.IMMEDIATE_EXIT);
    offset("kvm_run", "exit_reason", KvmRun.EXIT_REASON);
    offset("kvm_run", "io.direction", KvmRun.IO_DIRECTION);
    offset("kvm_run", "io.size", KvmRun.IO_SIZE);
    offset("kvm_run", "io.port", KvmRun.IO_PORT);
    offset("kvm_run", "io.count", KvmRun.IO_COUNT);
    offset("kvm_run", "io.data_offset", KvmRun.IO_DATA_OFFSET);
    offset("kvm_run", "mmio.phys_addr", KvmRun.MMIO_PHYS_ADDR);
    offset("kvm_run", "mmio.data", KvmRun.MMIO_DATA);
    offset("kvm_run", "mmio.len", KvmRun.MMIO_LEN);
    offset("kvm_run", "mmio.is_write", KvmRun.MMIO_IS_WRITE);
    offset("kvm_run", "system_event.type", KvmRun.SYSTEM_EVENT_TYPE);
    offset("kvm_run", "internal.suberror", KvmRun.INTERNAL_SUBERROR);
    offset("kvm_run", "internal.ndata", KvmRun.INTERNAL_NDATA);
    offset("kvm_run", "internal.data", KvmRun.INTERNAL_DATA);
    offset("kvm_run", "fail_entry.hardware_entry_failure_reason", KvmRun.FAIL_ENTRY_REASON);
  }

  @Test
  void agreesWithTheCompiler() throws Exception {
    assumeTrue(
        Files.isExecutable(Path.of("/usr/bin/gcc"))
            && Files.isReadable(Path.of("/usr/include/linux/kvm.h")),
        "skipped: gcc or linux/kvm.h is not installed");
    requests();
    capabilities();
    vmStructs();
    vcpuStructs();
    stateGroups();
    StringBuilder source = new StringBuilder("#include <linux/kvm.h>\n#include <stddef.h>\n");
    source.append("#include <stdio.h>\nint main(void) {\n");
    expected
        .keySet()
        .forEach(key -> source.append("printf(\"%lu\\n\", (unsigned long) " + key + ");\n"));
    Path file = Files.writeString(directory.resolve("abi.c"), source.append("}\n"));
    Path program = directory.resolve("abi");
    run(List.of("/usr/bin/gcc", "-o", program.toString(), file.toString()));
    List<String> actual = run(List.of(program.toString())).lines().toList();
    int line = 0;
    for (Map.Entry<String, Long> entry : expected.entrySet()) {
      assertEquals(entry.getValue(), Long.parseLong(actual.get(line++)), entry.getKey());
    }
  }

  private static String run(List<String> command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(process.waitFor(60, TimeUnit.SECONDS), command.getFirst());
    assertEquals(0, process.exitValue(), output);
    return output;
  }
}
