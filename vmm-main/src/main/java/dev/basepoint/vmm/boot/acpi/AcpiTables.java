package dev.basepoint.vmm.boot.acpi;

import java.util.List;

/**
 * All ACPI tables of a machine, one after the other: root pointer, DSDT, FADT, MADT, XSDT. Linux
 * needs them to find more than one processor, and most of its distributors' kernels to find virtio
 * devices.
 */
public final class AcpiTables {
  private static final int RSDP_BYTES = 36;
  private static final int RSDP_V1_BYTES = 20;
  private static final int RSDP_CHECKSUM = 8;
  private static final int RSDP_EXTENDED_CHECKSUM = 32;
  private static final int RSDP_REVISION = 2;
  private static final int ALIGNMENT = 16;

  private final long baseGpa;
  private final ByteSink tables = new ByteSink().zeros(RSDP_BYTES);

  private AcpiTables(long baseGpa) {
    this.baseGpa = baseGpa;
  }

  /**
   * Makes the tables for a place in guest memory.
   *
   * @param baseGpa where they will be, below 4 GiB; the root pointer is right there
   */
  public static byte[] build(long baseGpa, int vcpus, List<AcpiDevice> devices) {
    AcpiTables tables = new AcpiTables(baseGpa);
    long dsdt = tables.append(Dsdt.build(devices));
    long fadt = tables.append(Fadt.build(dsdt));
    long madt = tables.append(Madt.build(vcpus));
    byte[] pointers = new ByteSink().u64(fadt).u64(madt).toBytes();
    long xsdt = tables.append(AcpiTable.finish("XSDT", 1, pointers));
    byte[] bytes = tables.tables.toBytes();
    byte[] rsdp = rootPointer(xsdt);
    System.arraycopy(rsdp, 0, bytes, 0, rsdp.length);
    return bytes;
  }

  private long append(byte[] table) {
    tables.zeros(-tables.size() & (ALIGNMENT - 1));
    long gpa = baseGpa + tables.size();
    tables.bytes(table);
    return gpa;
  }

  /** The root system description pointer (ACPI 6.5 section 5.2.5.3). */
  private static byte[] rootPointer(long xsdtGpa) {
    byte[] rsdp =
        new ByteSink()
            .ascii("RSD PTR ")
            .u8(0)
            .ascii(AcpiTable.OEM_ID)
            .u8(RSDP_REVISION)
            .u32(0)
            .u32(RSDP_BYTES)
            .u64(xsdtGpa)
            .u8(0)
            .zeros(3)
            .toBytes();
    rsdp[RSDP_CHECKSUM] = AcpiTable.checksum(rsdp, RSDP_V1_BYTES);
    rsdp[RSDP_EXTENDED_CHECKSUM] = AcpiTable.checksum(rsdp, RSDP_BYTES);
    return rsdp;
  }
}
