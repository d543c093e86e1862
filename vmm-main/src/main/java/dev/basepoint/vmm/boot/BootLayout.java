package dev.basepoint.vmm.boot;

/** Where the boot information is in the first mebibyte; guest-physical addresses. */
final class BootLayout {
  static final long START_INFO_GPA = 0x6000;
  static final long MEMORY_MAP_GPA = 0x6100;
  static final long MODULE_LIST_GPA = 0x6800;
  static final long START_INFO_END_GPA = 0x7000;

  static final long COMMAND_LINE_GPA = 0x2_0000;
  static final long COMMAND_LINE_BYTES_MAX = 4096;

  /** RAM that a guest may use ends here, as on a PC with a one-kibibyte EBDA. */
  static final long LOW_RAM_END_GPA = 0x9_fc00;

  /** ACPI tables, where a guest that ignores the start info would search for them. */
  static final long ACPI_GPA = 0xe_0000;

  static final long MEBIBYTE_GPA = 0x10_0000;

  private BootLayout() {}
}
