#include "bootinfo.h"

#define START_MAGIC 0x336ec578
#define MEMORY_TYPE_RAM 1
#define TABLE_MAX 128

struct hvm_start_info {
  u32 magic, version, flags, nr_modules;
  u64 modlist, cmdline, rsdp;
  /* Version 1 on. */
  u64 memmap;
  u32 memmap_entries, reserved;
};

struct hvm_memmap_entry {
  u64 addr, size;
  u32 type, reserved;
};

struct hvm_modlist_entry {
  u64 paddr, size, cmdline, reserved;
};

struct boot_info boot_info;
extern const u8 image_end[];

static void keep_clear_of(u64 start, u64 end) {
  if (end > boot_info.free_start && start < boot_info.free_end) {
    boot_info.free_end = start > boot_info.free_start ? start : boot_info.free_start;
  }
}

const char *boot_info_read(u64 address) {
  const struct hvm_start_info *info = (const void *)address;
  if (info->magic != START_MAGIC) {
    return "hvm_start_info has a wrong magic number";
  }
  if (info->version < 1 || info->memmap_entries > TABLE_MAX || info->nr_modules > TABLE_MAX) {
    return "hvm_start_info has no usable memory map or module list";
  }
  const char *text = (const char *)info->cmdline;
  for (u32 i = 0; text && text[i] && i < CMDLINE_MAX - 1; i++) {
    boot_info.cmdline[i] = text[i];
  }
  const struct hvm_memmap_entry *map = (const void *)info->memmap;
  for (u32 i = 0; i < info->memmap_entries; i++) {
    if (map[i].type != MEMORY_TYPE_RAM) {
      continue;
    }
    boot_info.ram_bytes += map[i].size;
    u64 end = map[i].addr + map[i].size;
    if (map[i].addr <= (u64)image_end && end > (u64)image_end) {
      boot_info.free_start = (u64)image_end;
      boot_info.free_end = MIN(end, 0xc0000000ull);
      boot_info.ram_end = boot_info.free_end;
    }
  }
  boot_info.modules = info->nr_modules;
  const struct hvm_modlist_entry *modules = (const void *)info->modlist;
  for (u32 i = 0; i < info->nr_modules; i++) {
    keep_clear_of(modules[i].paddr, modules[i].paddr + modules[i].size);
  }
  return boot_info.free_end > boot_info.free_start ? NULL : "no RAM above the image";
}
