package dev.basepoint.vmm.boot.acpi;

import dev.basepoint.vmm.machine.GuestLayout;

/** The fixed description table of a hardware-reduced machine (ACPI 6.5 section 5.2.9). */
final class Fadt {
  /** SLP_TYP of the soft-off state; what the guest writes to the sleep control register. */
  static final int SLP_TYP_S5 = 5;

  static final int BYTES = 276;

  private static final int REVISION = 6;
  private static final int MINOR_REVISION = 5;

  private static final int BOOT_VGA_NOT_PRESENT = 1 << 2;
  private static final int BOOT_CMOS_RTC_NOT_PRESENT = 1 << 5;

  /** With HW_REDUCED_ACPI there are no fixed power and sleep buttons either. */
  private static final int FLAG_WBINVD = 1;

  private static final int FLAG_PWR_BUTTON = 1 << 4;
  private static final int FLAG_SLP_BUTTON = 1 << 5;
  private static final int FLAG_RESET_REG_SUP = 1 << 10;
  private static final int FLAG_HW_REDUCED_ACPI = 1 << 20;

  private static final int ADDRESS_SPACE_IO = 1;
  private static final int ACCESS_SIZE_BYTE = 1;
  private static final int RESET_VALUE = 0xfe;

  private Fadt() {}

  static byte[] build(long dsdtGpa) {
    ByteSink body = new ByteSink();
    body.u32(0).u32(dsdtGpa).u8(0).u8(0);
    // SCI, SMI and the PM1, PM2, PM timer and GPE blocks do not exist.
    padTo(body, 109);
    body.u16(BOOT_VGA_NOT_PRESENT | BOOT_CMOS_RTC_NOT_PRESENT).u8(0);
    body.u32(
        FLAG_WBINVD
            | FLAG_PWR_BUTTON
            | FLAG_SLP_BUTTON
            | FLAG_RESET_REG_SUP
            | FLAG_HW_REDUCED_ACPI);
    bytePort(body, GuestLayout.RESET_PORT);
    body.u8(RESET_VALUE).u16(0).u8(MINOR_REVISION);
    body.u64(0).u64(dsdtGpa);
    padTo(body, 244);
    bytePort(body, GuestLayout.SLEEP_CONTROL_PORT);
    bytePort(body, GuestLayout.SLEEP_CONTROL_PORT + 1);
    body.ascii(AcpiTable.OEM_ID).zeros(2);
    return AcpiTable.finish("FACP", REVISION, body.toBytes());
  }

  /** A generic address structure (ACPI 6.5 section 5.2.3.2) of an 8-bit port. */
  private static void bytePort(ByteSink body, int port) {
    body.u8(ADDRESS_SPACE_IO).u8(Byte.SIZE).u8(0).u8(ACCESS_SIZE_BYTE).u64(port);
  }

  /** Fills with zeros up to an offset of the whole table. */
  private static void padTo(ByteSink body, int offset) {
    body.zeros(offset - AcpiTable.HEADER_BYTES - body.size());
  }
}
