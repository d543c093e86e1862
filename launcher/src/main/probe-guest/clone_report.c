#include "clone_report.h"

#include "blk.h"
#include "clock.h"
#include "identity.h"
#include "memory.h"
#include "net.h"
#include "probe_blk.h"
#include "probe_net.h"
#include "report.h"
#include "rng.h"
#include "sha256.h"
#include "smp.h"

static void event_times(const struct first_request *request) {
  event_number("submitted_us", clock_us_at(request->submitted));
  event_number("done_us", clock_us_at(request->answered));
}

static void report_rng(const struct basepoint *basepoint, struct first_requests *first) {
  if (!first->rng.done) {
    fail("clone: rng device %u gives no answer", rng_queue(0)->device->index);
    return;
  }
  if (first->drawn_bytes < CLONE_RNG_BYTES) {
    rng_read(0, first->drawn + first->drawn_bytes, CLONE_RNG_BYTES - first->drawn_bytes);
  }
  event_begin("clone_rng");
  event_number("device", rng_queue(0)->device->index);
  event_flag("in_flight", basepoint->rng_in_flight);
  if (basepoint->rng_in_flight) {
    event_flag("waited", first->rng_waited);
  }
  event_hex("first32", first->drawn, sizeof first->drawn);
  event_times(&first->rng);
  event_end();
}

static void report_blk(const struct basepoint *basepoint, const struct first_requests *first) {
  struct blk_slot *slot = &blks[0].extra;
  struct sha256 hash;
  u8 digest[SHA256_BYTES];
  bool good = first->blk.done && slot->status == VIRTIO_BLK_S_OK;
  bool same = memcmp(slot->data, basepoint->sector_bytes, BLK_SECTOR_BYTES) == 0;
  if (!good) {
    fail("clone: blk device %u: status %u for sector %lu", blks[0].device->index,
         (u32)slot->status, basepoint->sector);
    return;
  }
  if (basepoint->sector_known && !same) {
    fail("clone: blk device %u: sector %lu is not what it was", blks[0].device->index,
         basepoint->sector);
  }
  sha256_start(&hash);
  sha256_add(&hash, slot->data, BLK_SECTOR_BYTES);
  sha256_end(&hash, digest);
  event_begin("clone_blk");
  event_number("device", blks[0].device->index);
  event_number("sector", basepoint->sector);
  event_flag("in_flight", basepoint->blk_in_flight);
  if (basepoint->blk_in_flight) {
    event_flag("waited", first->blk_waited);
  }
  if (basepoint->sector_known) {
    event_flag("as_before", same);
  }
  event_hex("sha256", digest, sizeof digest);
  event_times(&first->blk);
  event_end();
}

static void report_net(const struct first_requests *first) {
  if (!first->net.done) {
    fail("clone: net device %u: the peer does not answer ARP", nics[0].device->index);
  }
  event_begin("clone_net");
  event_number("device", nics[0].device->index);
  net_event_addresses(&nics[0]);
  event_flag("answered", first->net.done);
  if (first->net.done) {
    event_times(&first->net);
  }
  event_end();
}

static void report_memory(const struct basepoint *basepoint) {
  static u8 expected[PAGE_SIZE];
  u64 start = clock_now_us();
  u64 bad = 0;
  for (u64 page = 0; page < basepoint->pattern_pages; page++) {
    u64 offset = page * PAGE_SIZE;
    blk_pattern(basepoint->pattern_seed, offset / BLK_SECTOR_BYTES, expected, PAGE_SIZE);
    bad += memcmp(expected, basepoint->pattern + offset, PAGE_SIZE) != 0;
  }
  if (bad) {
    fail("clone: %lu of %lu pages are not what was written before", bad, basepoint->pattern_pages);
  }
  event_begin("clone_mem");
  event_number("pages", basepoint->pattern_pages);
  event_number("mismatched_pages", bad);
  event_number("elapsed_us", clock_now_us() - start);
  event_end();
}

static void report_processors(void) {
  u64 start = clock_now_us();
  u64 seed;
  memcpy(&seed, identity.generation, sizeof seed);
  u32 correct = smp_answers(seed);
  if (correct != smp_count()) {
    fail("clone: %u of %u processors answer", correct, smp_count());
  }
  event_begin("clone_smp");
  event_number("requested", smp_count());
  event_number("correct", correct);
  event_number("elapsed_us", clock_now_us() - start);
  event_end();
}

void clone_report_own(const struct basepoint *basepoint, struct first_requests *first) {
  identity_report("clone");
  if (rng_count() > 0) {
    report_rng(basepoint, first);
  }
  if (blk_count > 0) {
    report_blk(basepoint, first);
  }
}

void clone_report_rest(const struct basepoint *basepoint, const struct first_requests *first) {
  if (nic_count > 0) {
    report_net(first);
  }
  report_memory(basepoint);
  if (smp_count() > 1) {
    report_processors();
  }
}
