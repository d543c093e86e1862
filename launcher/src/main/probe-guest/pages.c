#include "pages.h"

#include "bootinfo.h"
#include "layout.h"
#include "memory.h"
#include "report.h"
#include "sys.h"

#define REGION_BYTES 0x200000ull
#define ENTRIES 512
#define PTE_ADDRESS 0x000ffffffffff000ull

static volatile u64 *const directory = (volatile u64 *)PD_ADDR;
static u64 spare_tables; /* the next page set aside for a page table */
static u64 spare_end;
static u64 covered = PT_COUNT * REGION_BYTES;
static bool counting;

void pages_start(void) {
  u64 regions = (boot_info.ram_end + REGION_BYTES - 1) / REGION_BYTES;
  u64 start = (boot_info.free_start + PAGE_SIZE - 1) & ~(u64)(PAGE_SIZE - 1);
  u64 bytes = regions > PT_COUNT ? (regions - PT_COUNT) * PAGE_SIZE : 0;
  if (start >= boot_info.free_end || bytes > boot_info.free_end - start) {
    return;
  }
  spare_tables = start;
  spare_end = boot_info.free_start = start + bytes;
  pages_cover(spare_end);
}

void pages_cover(u64 end) {
  while (covered < end && spare_tables < spare_end) {
    u64 *table = (u64 *)spare_tables;
    u64 flags = PTE_TABLE | (counting ? 0 : PTE_DIRTY);
    for (u32 i = 0; i < ENTRIES; i++) {
      table[i] = (covered + i * PAGE_SIZE) | flags;
    }
    compiler_barrier();
    directory[covered / REGION_BYTES] = spare_tables | PTE_TABLE;
    covered += REGION_BYTES;
    spare_tables += PAGE_SIZE;
  }
}

/* The page table of a region, or NULL where it is one large page. */
static volatile u64 *table_of(u64 region) {
  u64 entry = directory[region];
  return entry & PTE_LARGE ? NULL : (volatile u64 *)(entry & PTE_ADDRESS);
}

static u64 region_count(void) {
  return (boot_info.ram_end + REGION_BYTES - 1) / REGION_BYTES;
}

void pages_forget(void) {
  for (u64 region = 0; region < covered / REGION_BYTES; region++) {
    volatile u64 *table = table_of(region);
    for (u32 i = 0; i < ENTRIES; i++) {
      table[i] &= ~(u64)PTE_DIRTY;
    }
  }
  counting = true;
  sys_flush_tlb();
}

bool pages_counting(void) {
  return counting;
}

void pages_note(const volatile void *start, u64 bytes) {
  if (!counting || bytes == 0) {
    return;
  }
  u64 last = ((u64)start + bytes - 1) / PAGE_SIZE;
  for (u64 page = (u64)start / PAGE_SIZE; page <= last && page < covered / PAGE_SIZE; page++) {
    volatile u64 *entry = &table_of(page / ENTRIES)[page % ENTRIES];
    if (!(*entry & PTE_DIRTY)) {
      __atomic_fetch_or(entry, PTE_DIRTY, __ATOMIC_RELAXED);
    }
  }
}

static u64 dirty_entries(const volatile u64 *table) {
  u64 count = 0;
  for (u32 i = 0; i < ENTRIES; i++) {
    count += (table[i] & PTE_DIRTY) != 0;
  }
  return count;
}

struct pages_count pages_written(void) {
  struct pages_count count = {0};
  for (u64 region = 0; region < region_count(); region++) {
    volatile u64 *table = table_of(region);
    if (!table && (directory[region] & PTE_DIRTY)) {
      count.large++;
      pages_note(&directory[region], 1);
    } else if (table && dirty_entries(table)) {
      /* The processor's own writes of dirty bits leave no trace but themselves. */
      pages_note(table, PAGE_SIZE);
    }
  }
  for (u64 region = 0; region < covered / REGION_BYTES; region++) {
    count.written += dirty_entries(table_of(region));
  }
  return count;
}

void pages_report(void) {
  if (!counting) {
    fail("pages: written pages are counted from 'ready' on");
    return;
  }
  struct pages_count count = pages_written();
  event_begin("pages");
  event_number("pages_written", count.written);
  event_number("large_pages_written", count.large);
  event_number("ram_pages", boot_info.ram_bytes / PAGE_SIZE);
  event_end();
}
