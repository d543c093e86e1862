package dev.basepoint.vmm.machine;

/** Where things are in the guest's physical address space and I/O ports; GPAs and port numbers. */
public final class GuestLayout {
  /** RAM ends here at the latest; what is left continues at {@link #HIGH_RAM_GPA}. */
  public static final long LOW_RAM_END_MAX = 0xc000_0000L;

  public static final long HIGH_RAM_GPA = 0x1_0000_0000L;

  public static final long IOAPIC_GPA = 0xfec0_0000L;
  public static final long LAPIC_GPA = 0xfee0_0000L;
  public static final int IOAPIC_PINS = 24;

  public static final int COM1_PORT = 0x3f8;
  public static final int COM1_GSI = 4;

  /** Writing 0xfe here resets, as the keyboard controller's pulse does. */
  public static final int RESET_PORT = 0x64;

  /** ACPI SLEEP_CONTROL_REG; SLEEP_STATUS_REG follows (ACPI 6.5 section 4.8.3.7). */
  public static final int SLEEP_CONTROL_PORT = 0x600;

  public static final int DOORBELL_PORT = 0x610;

  /** A 32-bit IN gives the page frame number of the identity page. */
  public static final int IDENTITY_PORT = 0x614;

  /** The identity page, in memory that the memory map reserves. */
  public static final long IDENTITY_GPA = 0xd_f000;

  public static final int IDENTITY_BYTES = 0x1000;

  /** The interrupt that tells of a new generation id; behind those of all virtio devices. */
  public static final int GENERATION_GSI = 21;

  private GuestLayout() {}
}
