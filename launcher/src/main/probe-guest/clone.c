#include "clone.h"

#include "blk.h"
#include "clock.h"
#include "doorbell.h"
#include "identity.h"
#include "memory.h"
#include "modes.h"
#include "options.h"
#include "packet.h"
#include "pages.h"
#include "probe_blk.h"
#include "probe_net.h"
#include "report.h"
#include "rng.h"
#include "sha256.h"
#include "shell.h"
#include "smp.h"
#include "steps.h"
#include "sys.h"

#define MARKER_RUNNING 0x10
#define MARKER_RNG 0x11
#define MARKER_BLK 0x12
#define MARKER_NET 0x13
#define MARKER_REPORTED 0x14

#define TIMEOUT_US 10000000
#define ARP_TRY_US 500000
#define ARP_TRIES 4
#define PEER_USUAL_US 50000 /* a peer that takes longer does not hold up the report of the others */

/* The first request to the first device of a kind; times in TSC ticks. */
struct first {
  bool open;
  bool done;
  u64 submitted;
  u64 answered;
};

static struct first rng, blk, net;
static u8 drawn[CLONE_RNG_BYTES];
static u32 drawn_bytes;
static bool rng_waited; /* the request in flight at the basepoint was still open */
static bool blk_waited;
static u64 arp_sent;
static u32 arps;
static bool new_steps;
static char steps[STEP_LIST_MAX];

void clone_read_sector(const struct basepoint *basepoint) {
  struct blk_slot *slot = &blks[0].extra;
  memset(slot->data, 0xa5, BLK_SECTOR_BYTES);
  blk_submit(&blks[0], slot, VIRTIO_BLK_T_IN, basepoint->sector, BLK_SECTOR_BYTES, false);
  virtqueue_kick(slot->queue);
}

static void finish(struct first *first, u8 marker) {
  first->open = false;
  first->done = true;
  first->answered = read_tsc();
  doorbell_mark(marker);
}

/* Looks for answers; the time of each and its marker follow at once. */
static void collect(void) {
  if (rng.open && (drawn_bytes = rng_answer(0, drawn)) != 0) {
    finish(&rng, MARKER_RNG);
  }
  if (blk.open && blk_done(&blks[0], &blks[0].extra)) {
    finish(&blk, MARKER_BLK);
  }
  if (net.open) {
    packet_poll(&nics[0]);
  }
  if (net.open && nics[0].peer_known) {
    finish(&net, MARKER_NET);
  }
}

/* Asks for an interrupt with each open request's answer; true when one came in between. */
static bool arm(void) {
  return (rng.open && virtqueue_arm(rng_queue(0))) ||
         (blk.open && virtqueue_arm(blks[0].extra.queue)) ||
         (net.open && virtqueue_arm(nics[0].device->queues[0]));
}

static void ask_peer(void) {
  arps++;
  arp_sent = read_tsc();
  packet_send_arp(&nics[0], nics[0].peer_ip);
}

/* Until all have answered or, where only the peer is left, until it is worth waiting no longer. */
static void await_answers(u64 peer_us) {
  u64 deadline = deadline_in_us(TIMEOUT_US);
  for (;;) {
    u32 seen = irq_any;
    collect();
    bool waiting = rng.open || blk.open;
    u64 until = net.open ? deadline_after(arp_sent, peer_us) : deadline;
    if ((!waiting && (!net.open || deadline_passed(until))) || deadline_passed(deadline)) {
      return;
    }
    if (!arm()) {
      wait_until_changed(&irq_any, seen, waiting ? deadline : until, NULL, 0);
    }
  }
}

/* The peer may be slow or have missed the question. */
static void insist_on_answer(void) {
  for (await_answers(ARP_TRY_US); net.open && arps < ARP_TRIES; await_answers(ARP_TRY_US)) {
    ask_peer();
  }
  net.open = false;
}

/*
 * The metadata's words become options, as if they had stood at the end of the command line. Tells
 * whether there are steps among them.
 */
static bool take_metadata(void) {
  static char words[METADATA_MAX + 1];
  bool own_steps = false;
  memcpy(words, identity.metadata, sizeof words);
  for (char *at = words; *at;) {
    while (*at && (u8)*at <= ' ') {
      *at++ = 0;
    }
    char *word = at;
    while ((u8)*at > ' ') {
      at++;
    }
    bool last = !*at;
    *at = 0;
    own_steps = own_steps || text_starts(word, "probe=");
    if (*word && !option_set(word)) {
      fail("no room for option %s", word);
    }
    at += !last;
  }
  return own_steps;
}

static void event_times(const struct first *first) {
  event_number("submitted_us", clock_us_at(first->submitted));
  event_number("done_us", clock_us_at(first->answered));
}

static void report_rng(const struct basepoint *basepoint) {
  if (!rng.done) {
    fail("clone: rng device %u gives no answer", rng_queue(0)->device->index);
    return;
  }
  if (drawn_bytes < CLONE_RNG_BYTES) {
    rng_read(0, drawn + drawn_bytes, CLONE_RNG_BYTES - drawn_bytes);
  }
  event_begin("clone_rng");
  event_number("device", rng_queue(0)->device->index);
  event_flag("in_flight", basepoint->rng_in_flight);
  if (basepoint->rng_in_flight) {
    event_flag("waited", rng_waited);
  }
  event_hex("first32", drawn, sizeof drawn);
  event_times(&rng);
  event_end();
}

static void report_blk(const struct basepoint *basepoint) {
  struct blk_slot *slot = &blks[0].extra;
  struct sha256 hash;
  u8 digest[SHA256_BYTES];
  bool good = blk.done && slot->status == VIRTIO_BLK_S_OK;
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
    event_flag("waited", blk_waited);
  }
  if (basepoint->sector_known) {
    event_flag("as_before", same);
  }
  event_hex("sha256", digest, sizeof digest);
  event_times(&blk);
  event_end();
}

static void report_net(void) {
  if (!net.done) {
    fail("clone: net device %u: the peer does not answer ARP", nics[0].device->index);
  }
  event_begin("clone_net");
  event_number("device", nics[0].device->index);
  net_event_addresses(&nics[0]);
  event_flag("answered", net.done);
  if (net.done) {
    event_times(&net);
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

/* Which steps follow: the metadata's own, or those that the command line has left. */
static void choose_steps(bool own_steps) {
  bool holds = option_place("hold") > option_place("exit");
  new_steps = own_steps || option_present("hold") || option_present("exit");
  steps[0] = 0;
  size_t length = 0;
  if (own_steps) {
    const char *given = option_text("probe", "");
    length = strlen(given);
    memcpy(steps, given, length + 1);
  }
  if (holds) {
    const char *last = length ? ",shell" : "shell";
    memcpy(steps + length, last, strlen(last) + 1);
  }
  option_drop("hold");
  option_drop("exit");
}

bool clone_has_new_steps(void) {
  return new_steps;
}

bool clone_replace_steps(char *list) {
  if (!new_steps) {
    return false;
  }
  new_steps = false;
  memcpy(list, steps, sizeof steps);
  return true;
}

/*
 * The first requests to all devices, at once: their servers work side by side. Tells whether the
 * metadata has steps.
 */
static bool make_first_requests(const struct basepoint *basepoint, u64 resumed) {
  if (rng_count() > 0) {
    rng = (struct first){.open = true, .submitted = resumed};
    /* Bytes that came before the clone ran are its parent's, and its siblings'. */
    if (basepoint->rng_in_flight && !rng_waited) {
      rng_answer(0, drawn);
    }
    if (!rng_waited) {
      rng.submitted = read_tsc();
      rng_ask(0, CLONE_RNG_BYTES);
    }
  }
  if (blk_count > 0) {
    blk = (struct first){.open = true, .submitted = resumed};
    if (!basepoint->blk_in_flight) {
      blk.submitted = read_tsc();
      clone_read_sector(basepoint);
    }
  }
  bool own_steps = take_metadata();
  net_configure();
  if (nic_count > 0) {
    net_read_mac(&nics[0]);
    nics[0].peer_known = false;
    net = (struct first){.open = true, .submitted = read_tsc()};
    arps = 0;
    ask_peer();
  }
  await_answers(PEER_USUAL_US);
  return own_steps;
}

static void report(const struct basepoint *basepoint) {
  identity_report("clone");
  if (rng_count() > 0) {
    report_rng(basepoint);
  }
  if (blk_count > 0) {
    report_blk(basepoint);
  }
  if (nic_count > 0) {
    insist_on_answer();
    report_net();
  }
  report_memory(basepoint);
  if (smp_count() > 1) {
    report_processors();
  }
}

void clone_wake(const struct basepoint *basepoint, u64 resumed) {
  rng_waited = basepoint->rng_in_flight && !virtqueue_has_used(rng_queue(0));
  blk_waited = basepoint->blk_in_flight && !virtqueue_has_used(blks[0].extra.queue);
  clock_restart(resumed);
  doorbell_mark(MARKER_RUNNING);
  bool own_steps = make_first_requests(basepoint, resumed);
  for (u32 i = 0; i < nic_count; i++) {
    net_refresh(&nics[i]);
  }
  report(basepoint);
  modes_run();
  choose_steps(own_steps);
  if (new_steps && list_contains(steps, "shell")) {
    shell_start();
  }
  /* Last of all, so that hardly a page is written for the first time after it was counted. */
  if (pages_counting()) {
    pages_report();
  }
  doorbell_mark(MARKER_REPORTED);
}
