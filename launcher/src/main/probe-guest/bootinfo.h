/* What the loader passed (Xen PVH hvm_start_info), copied before low memory is used. */
#ifndef BOOTINFO_H
#define BOOTINFO_H

#include "types.h"

#define CMDLINE_MAX 2048
#define OPTIONS_MAX 6144 /* the command line, a clone's metadata and what the console sets */

struct boot_info {
  char cmdline[OPTIONS_MAX];
  u64 ram_bytes;
  u64 ram_end; /* of the region that holds the image, below 3 GiB */
  /* The part of RAM above the image, below 3 GiB and clear of modules, that the program may use. */
  u64 free_start;
  u64 free_end;
  u32 modules;
};

extern struct boot_info boot_info;

/* Tells what is wrong, or NULL. */
const char *boot_info_read(u64 start_info);

#endif
