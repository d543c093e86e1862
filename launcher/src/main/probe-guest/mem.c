#include "mem.h"

#include "clock.h"
#include "memory.h"
#include "options.h"
#include "probe_blk.h"
#include "report.h"
#include "sha256.h"

#define BYTES_DEFAULT (1u << 20)

static u8 *area;
static u64 area_bytes;
static u64 seed;

static u64 mismatched_pages(void) {
  static u8 expected[PAGE_SIZE];
  u64 count = 0;
  for (u64 at = 0; at < area_bytes; at += PAGE_SIZE) {
    blk_pattern(seed, at / BLK_SECTOR_BYTES, expected, PAGE_SIZE);
    count += memcmp(area + at, expected, PAGE_SIZE) != 0;
  }
  return count;
}

static void verify(const char *operation, u64 start) {
  struct sha256 hash;
  u8 digest[SHA256_BYTES];
  u64 bad = mismatched_pages();
  sha256_start(&hash);
  sha256_add(&hash, area, area_bytes);
  sha256_end(&hash, digest);
  if (bad) {
    fail("mem: %lu of %lu pages are not what was written", bad, area_bytes / PAGE_SIZE);
  }
  event_begin("mem");
  event_text("operation", operation);
  event_number("bytes", area_bytes);
  event_number("seed", seed);
  event_number("mismatched_pages", bad);
  event_hex("sha256", digest, sizeof digest);
  event_number("elapsed_us", clock_now_us() - start);
  event_end();
}

static void write(u64 start) {
  for (u64 at = 0; at < area_bytes; at += PAGE_SIZE) {
    blk_pattern(seed, at / BLK_SECTOR_BYTES, area + at, PAGE_SIZE);
  }
  verify("write", start);
}

void probe_mem(void) {
  u64 start = clock_now_us();
  seed = option_number("mem.seed", 1);
  u64 bytes = option_number("mem.bytes", BYTES_DEFAULT) & ~(u64)(PAGE_SIZE - 1);
  if (!area) {
    area_bytes = MIN(bytes, memory_left() / 2 & ~(u64)(PAGE_SIZE - 1));
    area = memory_get(area_bytes, PAGE_SIZE);
  }
  write(start);
}

void mem_write_own(u64 own_seed, u64 pages) {
  u64 start = clock_now_us();
  if (pages > memory_left() / PAGE_SIZE - 1) {
    fail("mem: no room for %lu pages, %lu bytes left", pages, memory_left());
    return;
  }
  seed = own_seed;
  area_bytes = pages * PAGE_SIZE;
  area = memory_get(area_bytes, PAGE_SIZE);
  write(start);
}

void probe_mem_verify(void) {
  if (!area) {
    fail("mem_verify: nothing was written yet");
    return;
  }
  verify("verify", clock_now_us());
}
