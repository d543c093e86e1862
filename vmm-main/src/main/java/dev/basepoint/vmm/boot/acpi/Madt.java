package dev.basepoint.vmm.boot.acpi;

import dev.basepoint.vmm.machine.GuestLayout;

/** The processors and interrupt controllers (ACPI 6.5 section 5.2.12). */
final class Madt {
  private static final int REVISION = 5;
  private static final int PCAT_COMPAT = 1;

  private static final int TYPE_LOCAL_APIC = 0;
  private static final int TYPE_IO_APIC = 1;
  private static final int TYPE_LOCAL_APIC_NMI = 4;

  private static final int ENABLED = 1;
  private static final int ALL_PROCESSORS = 0xff;
  private static final int LINT1 = 1;

  private Madt() {}

  static byte[] build(int vcpus) {
    ByteSink body = new ByteSink();
    body.u32(GuestLayout.LAPIC_GPA).u32(PCAT_COMPAT);
    for (int index = 0; index < vcpus; index++) {
      body.u8(TYPE_LOCAL_APIC).u8(8).u8(index).u8(index).u32(ENABLED);
    }
    body.u8(TYPE_IO_APIC).u8(12).u8(0).u8(0).u32(GuestLayout.IOAPIC_GPA).u32(0);
    body.u8(TYPE_LOCAL_APIC_NMI).u8(6).u8(ALL_PROCESSORS).u16(0).u8(LINT1);
    return AcpiTable.finish("APIC", REVISION, body.toBytes());
  }
}
