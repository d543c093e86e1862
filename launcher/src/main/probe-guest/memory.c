#include "memory.h"

#include "bootinfo.h"
#include "pages.h"
#include "report.h"
#include "sys.h"

void *memory_get(size_t bytes, size_t alignment) {
  u64 start = (boot_info.free_start + alignment - 1) & ~(alignment - 1);
  if (start > boot_info.free_end || bytes > boot_info.free_end - start) {
    fail("out of memory: %lu bytes wanted, %lu left", bytes, memory_left());
    sys_triple_fault();
  }
  boot_info.free_start = start + bytes;
  pages_cover(boot_info.free_start);
  return memset((void *)start, 0, bytes);
}

u64 memory_mark(void) {
  return boot_info.free_start;
}

void memory_release(u64 mark) {
  boot_info.free_start = mark;
}

u64 memory_left(void) {
  return boot_info.free_end - boot_info.free_start;
}
