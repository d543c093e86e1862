package dev.basepoint.vmm.boot;

import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.memory.MemoryRegion;
import java.util.List;

/**
 * What a PVH kernel finds at ebx (Xen's public/arch-x86/hvm/start_info.h, version 1).
 *
 * <pre>
 *   struct hvm_start_info
 *   0       4         8       12           16              24              32
 *   +-------+---------+-------+------------+---------------+---------------+------------
 *   | magic | version | flags | nr_modules | modlist_paddr | cmdline_paddr | ...
 *   +-------+---------+-------+------------+---------------+---------------+------------
 *   32           40             48               52         56
 *   +------------+--------------+----------------+----------+
 *   | rsdp_paddr | memmap_paddr | memmap_entries | reserved |
 *   +------------+--------------+----------------+----------+
 *
 *   struct hvm_memmap_table_entry     struct hvm_modlist_entry
 *   0      8      16     20    24     0       8      16              24         32
 *   +------+------+------+-----+      +-------+------+---------------+----------+
 *   | addr | size | type | res |      | paddr | size | cmdline_paddr | reserved |
 *   +------+------+------+-----+      +-------+------+---------------+----------+
 * </pre>
 */
final class HvmStartInfo {
  static final long MAGIC = 0;
  static final long VERSION = MAGIC + Integer.BYTES;
  static final long FLAGS = VERSION + Integer.BYTES;
  static final long NR_MODULES = FLAGS + Integer.BYTES;
  static final long MODLIST_PADDR = NR_MODULES + Integer.BYTES;
  static final long CMDLINE_PADDR = MODLIST_PADDR + Long.BYTES;
  static final long RSDP_PADDR = CMDLINE_PADDR + Long.BYTES;
  static final long MEMMAP_PADDR = RSDP_PADDR + Long.BYTES;
  static final long MEMMAP_ENTRIES = MEMMAP_PADDR + Long.BYTES;
  static final long BYTES = MEMMAP_ENTRIES + Integer.BYTES + Integer.BYTES;

  private static final long MEMMAP_ADDR = 0;
  private static final long MEMMAP_SIZE = MEMMAP_ADDR + Long.BYTES;
  private static final long MEMMAP_TYPE = MEMMAP_SIZE + Long.BYTES;
  private static final long MEMMAP_ENTRY_BYTES = MEMMAP_TYPE + Long.BYTES;

  private static final long MODULE_PADDR = 0;
  private static final long MODULE_SIZE = MODULE_PADDR + Long.BYTES;

  private static final int XEN_HVM_START_MAGIC_VALUE = 0x336ec578;
  private static final int XEN_HVM_MEMMAP_TYPE_RAM = 1;
  private static final int XEN_HVM_MEMMAP_TYPE_RESERVED = 2;

  private final GuestMemory memory;
  private int memmapEntries;

  private HvmStartInfo(GuestMemory memory) {
    this.memory = memory;
  }

  /**
   * Writes everything.
   *
   * @param rsdpGpa the ACPI root pointer
   * @param initrdBytes 0 for none
   */
  static void write(
      GuestMemory memory, List<MemoryRegion> ram, long rsdpGpa, long initrdGpa, long initrdBytes) {
    HvmStartInfo info = new HvmStartInfo(memory);
    info.writeMemoryMap(ram);
    long at = BootLayout.START_INFO_GPA;
    memory.writeU32(at + MAGIC, XEN_HVM_START_MAGIC_VALUE);
    memory.writeU32(at + VERSION, 1);
    memory.writeU64(at + CMDLINE_PADDR, BootLayout.COMMAND_LINE_GPA);
    memory.writeU64(at + RSDP_PADDR, rsdpGpa);
    memory.writeU64(at + MEMMAP_PADDR, BootLayout.MEMORY_MAP_GPA);
    memory.writeU32(at + MEMMAP_ENTRIES, info.memmapEntries);
    if (initrdBytes > 0) {
      memory.writeU32(at + NR_MODULES, 1);
      memory.writeU64(at + MODLIST_PADDR, BootLayout.MODULE_LIST_GPA);
      memory.writeU64(BootLayout.MODULE_LIST_GPA + MODULE_PADDR, initrdGpa);
      memory.writeU64(BootLayout.MODULE_LIST_GPA + MODULE_SIZE, initrdBytes);
    }
  }

  private void writeMemoryMap(List<MemoryRegion> ram) {
    addMemory(0, BootLayout.LOW_RAM_END_GPA, XEN_HVM_MEMMAP_TYPE_RAM);
    addMemory(BootLayout.LOW_RAM_END_GPA, BootLayout.MEBIBYTE_GPA, XEN_HVM_MEMMAP_TYPE_RESERVED);
    for (MemoryRegion region : ram) {
      long first = Math.max(region.baseGpa(), BootLayout.MEBIBYTE_GPA);
      addMemory(first, region.baseGpa() + region.sizeBytes(), XEN_HVM_MEMMAP_TYPE_RAM);
    }
  }

  private void addMemory(long firstGpa, long endGpa, int type) {
    long at = BootLayout.MEMORY_MAP_GPA + memmapEntries * MEMMAP_ENTRY_BYTES;
    memory.writeU64(at + MEMMAP_ADDR, firstGpa);
    memory.writeU64(at + MEMMAP_SIZE, endGpa - firstGpa);
    memory.writeU32(at + MEMMAP_TYPE, type);
    memmapEntries++;
  }
}
