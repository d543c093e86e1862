#include "clone.h"

#include "blk.h"
#include "clock.h"
#include "clone_report.h"
#include "doorbell.h"
#include "identity.h"
#include "modes.h"
#include "options.h"
#include "packet.h"
#include "pages.h"
#include "probe_net.h"
#include "report.h"
#include "rng.h"
#include "shell.h"
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

static struct first_requests first;
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

static void finish(struct first_request *request, u8 marker) {
  request->open = false;
  request->done = true;
  request->answered = read_tsc();
  doorbell_mark(marker);
}

/* Looks for answers; the time of each and its marker follow at once. */
static void collect(void) {
  if (first.rng.open && (first.drawn_bytes = rng_answer(0, first.drawn)) != 0) {
    finish(&first.rng, MARKER_RNG);
  }
  if (first.blk.open && blk_done(&blks[0], &blks[0].extra)) {
    finish(&first.blk, MARKER_BLK);
  }
  if (first.net.open) {
    packet_poll(&nics[0]);
  }
  if (first.net.open && nics[0].peer_known) {
    finish(&first.net, MARKER_NET);
  }
}

/* Asks for an interrupt with each open request's answer; true when one came in between. */
static bool arm(void) {
  return (first.rng.open && virtqueue_arm(rng_queue(0))) ||
         (first.blk.open && virtqueue_arm(blks[0].extra.queue)) ||
         (first.net.open && virtqueue_arm(nics[0].device->queues[0]));
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
    bool waiting = first.rng.open || first.blk.open;
    u64 until = first.net.open ? deadline_after(arp_sent, peer_us) : deadline;
    if (deadline_passed(deadline)) {
      first.rng.open = first.blk.open = false;
      return;
    }
    if (!waiting && (!first.net.open || deadline_passed(until))) {
      return;
    }
    if (!arm()) {
      wait_until_changed(&irq_any, seen, waiting ? deadline : until, NULL, 0);
    }
  }
}

/* The peer may be slow or have missed the question. */
static void insist_on_answer(void) {
  await_answers(ARP_TRY_US);
  while (first.net.open && arps < ARP_TRIES) {
    ask_peer();
    await_answers(ARP_TRY_US);
  }
  first.net.open = false;
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
    first.rng = (struct first_request){.open = true, .submitted = resumed};
    /* Bytes that came before the clone ran are its parent's, and its siblings'. */
    if (basepoint->rng_in_flight && !first.rng_waited) {
      rng_answer(0, first.drawn);
    }
    if (!first.rng_waited) {
      first.rng.submitted = read_tsc();
      rng_ask(0, CLONE_RNG_BYTES);
    }
  }
  if (blk_count > 0) {
    first.blk = (struct first_request){.open = true, .submitted = resumed};
    if (!basepoint->blk_in_flight) {
      first.blk.submitted = read_tsc();
      clone_read_sector(basepoint);
    }
  }
  bool own_steps = take_metadata();
  net_configure();
  if (nic_count > 0) {
    net_read_mac(&nics[0]);
    nics[0].peer_known = false;
    first.net = (struct first_request){.open = true, .submitted = read_tsc()};
    arps = 0;
    ask_peer();
  }
  await_answers(PEER_USUAL_US);
  return own_steps;
}

void clone_wake(const struct basepoint *basepoint, u64 resumed) {
  first.rng_waited = basepoint->rng_in_flight && !virtqueue_has_used(rng_queue(0));
  first.blk_waited = basepoint->blk_in_flight && !virtqueue_has_used(blks[0].extra.queue);
  clock_restart(resumed);
  doorbell_mark(MARKER_RUNNING);
  bool own_steps = make_first_requests(basepoint, resumed);
  for (u32 i = 0; i < nic_count; i++) {
    net_refresh(&nics[i]);
  }
  clone_report_own(basepoint, &first);
  insist_on_answer();
  clone_report_rest(basepoint, &first);
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
