#include "basepoint.h"

#include "blk.h"
#include "clock.h"
#include "clone.h"
#include "doorbell.h"
#include "identity.h"
#include "memory.h"
#include "options.h"
#include "pages.h"
#include "probe_blk.h"
#include "report.h"
#include "rng.h"

#define PAGES_DEFAULT 16
#define SETTLE_US 10000000

static struct basepoint basepoint;

static void write_pattern(void) {
  u64 pages = option_number("basepoint.pages", PAGES_DEFAULT);
  if (!basepoint.pattern) {
    basepoint.pattern_pages = MIN(pages, memory_left() / 2 / PAGE_SIZE);
    basepoint.pattern = memory_get(basepoint.pattern_pages * PAGE_SIZE, PAGE_SIZE);
  }
  memcpy(&basepoint.pattern_seed, identity.generation, sizeof basepoint.pattern_seed);
  blk_pattern(basepoint.pattern_seed, 0, basepoint.pattern,
              (u32)(basepoint.pattern_pages * PAGE_SIZE));
}

/* Reads the sector that clones read first, so that they know what to expect. */
static void read_sector(void) {
  basepoint.sector = option_number("basepoint.sector", 0);
  bool wanted = option_present("basepoint.sector") || option_present("blk-inflight");
  basepoint.sector_known =
      wanted && blk_count > 0 &&
      blk_request(&blks[0], VIRTIO_BLK_T_IN, basepoint.sector, basepoint.sector_bytes,
                  BLK_SECTOR_BYTES, false) == VIRTIO_BLK_S_OK;
}

/* What a VM that goes on, not cloned, finds of the requests in flight. */
static void settle(void) {
  u8 dropped[CLONE_RNG_BYTES];
  if (basepoint.rng_in_flight && virtqueue_wait(rng_queue(0), deadline_in_us(SETTLE_US))) {
    rng_answer(0, dropped);
  }
  if (basepoint.blk_in_flight) {
    blk_wait(&blks[0], &blks[0].extra);
  }
}

/* The requests in flight were the ready point's; who wakes up elsewhere has none. */
static void forget_requests(void) {
  basepoint.rng_in_flight = false;
  basepoint.blk_in_flight = false;
}

void basepoint_ready(void) {
  if (identity_present()) {
    write_pattern();
  }
  read_sector();
  basepoint.rng_in_flight = option_present("rng-inflight") && rng_count() > 0;
  basepoint.blk_in_flight = option_present("blk-inflight") && blk_count > 0;
  event_begin("ready");
  event_end();
  pages_forget();
  if (basepoint.blk_in_flight) {
    clone_read_sector(&basepoint);
  }
  if (basepoint.rng_in_flight) {
    rng_ask(0, CLONE_RNG_BYTES);
  }
  doorbell_ready();
  u64 resumed = read_tsc();
  if (identity_renewed()) {
    clone_wake(&basepoint, resumed);
  } else {
    settle();
  }
}

bool basepoint_check(void) {
  if (!identity_renewed()) {
    return false;
  }
  u64 resumed = read_tsc();
  forget_requests();
  clone_wake(&basepoint, resumed);
  return clone_has_new_steps();
}
