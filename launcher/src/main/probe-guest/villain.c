#include "villain.h"

#include "blk.h"
#include "bootinfo.h"
#include "clock.h"
#include "memory.h"
#include "net.h"
#include "options.h"
#include "report.h"
#include "rng.h"
#include "sys.h"

#define RAM_MAX (1ull << 30) /* lengths of 1 GiB and more must not fit into RAM */
#define MEMORY_MIN (8 << 20)
#define WAIT_MIN_US 3000
#define WAIT_MAX_US 50000
#define WAIT_FACTOR 4 /* times what a correct request took */
#define RANDOM_DEFAULT 50
#define CANARY 0xc5
#define SLACK_BYTES (1 << 20) /* for the valid part of too large a request */
#define LOW_MEMORY_BYTES 4096

struct tally {
  u32 cases, recovered, needs_reset, completed, silent, damaged;
};

static struct tally tally;
static struct tally total;
static u32 case_number;
static u64 wait_us; /* for an effect of a case to show */
static u64 correct_us; /* the longest correct request on this target */
static u64 first_case, last_case;
static bool verbose;
extern const u8 image_start[], image_code_end[];

static u64 code_sum(void) {
  u64 sum = 0;
  for (const u64 *at = (const u64 *)image_start; at < (const u64 *)image_code_end; at++) {
    sum = (sum << 1 | sum >> 63) ^ *at;
  }
  return sum;
}

static void prepare(struct villain *v) {
  v->readable = memset(memory_get(ZONE_BYTES, PAGE_SIZE), CANARY, ZONE_BYTES);
  v->writable = memset(memory_get(ZONE_BYTES + SLACK_BYTES, PAGE_SIZE), CANARY, ZONE_BYTES);
  v->exposed = false;
  v->kicked = false;
}

static bool correct_request(struct villain *v, u64 seed) {
  u64 start = clock_now_us();
  bool correct = villain_correct_request(v, seed);
  u64 elapsed = clock_now_us() - start;
  correct_us = elapsed > correct_us ? elapsed : correct_us;
  return correct;
}

static u64 patience_us(void) {
  u64 wanted = WAIT_FACTOR * correct_us;
  u64 usual = wanted < WAIT_MIN_US ? WAIT_MIN_US : MIN(wanted, (u64)WAIT_MAX_US);
  return wait_us ? wait_us : usual;
}

/* Waits a little for the device's reaction and counts its kind. */
static void settle(struct villain *v, u16 used_before) {
  u64 deadline = deadline_in_us(v->kicked ? patience_us() : 0);
  for (;;) {
    u32 seen = irq_any;
    if (v->queue->used->index != used_before) {
      tally.completed++;
      return;
    }
    if (virtio_read(v->device, REG_STATUS) & STATUS_NEEDS_RESET) {
      tally.needs_reset++;
      return;
    }
    if (deadline_passed(deadline)) {
      tally.silent++;
      return;
    }
    wait_until_changed(&irq_any, seen, deadline, NULL, 0);
  }
}

static bool offers_readable_zone(const struct villain *v) {
  for (u32 i = 0; i < VILLAIN_QUEUE_SIZE; i++) {
    volatile struct descriptor *d = &v->queue->descriptors[i];
    if ((d->flags & DESC_F_WRITE) && d->address < (u64)v->readable + ZONE_BYTES &&
        d->address + d->length > (u64)v->readable) {
      return true;
    }
  }
  return v->exposed;
}

static void play(struct villain *v, const struct villain_case *c, bool transport) {
  static u8 zone_before[ZONE_BYTES];
  case_number++;
  if (case_number < first_case || case_number > last_case) {
    return;
  }
  u64 mark = memory_mark();
  u64 sum = code_sum();
  if (verbose) {
    say("case %u: %s: %s", case_number, v->name, c->name);
  }
  tally.cases++;
  bool started;
  if (transport) {
    started = virtio_reset(v->device);
    v->device->features = v->features;
    v->device->ring_room = UINT16_MAX + 1;
    v->queue = virtqueue_create(v->device, v->queue_number, VILLAIN_QUEUE_SIZE);
    v->device->ring_room = 0;
  } else {
    started = villain_start_device(v, 0);
  }
  prepare(v);
  if (started) {
    u16 used_before = v->queue->used->index;
    c->run(v, c->parameter);
    memcpy(zone_before, v->readable, ZONE_BYTES);
    settle(v, used_before);
  }
  bool exposed = offers_readable_zone(v);
  bool reset = virtio_reset(v->device);
  if (code_sum() != sum || (!exposed && memcmp(zone_before, v->readable, ZONE_BYTES) != 0)) {
    tally.damaged++;
    fail("villain: case %u, %s, '%s': memory changed that was not offered", case_number, v->name,
         c->name);
  }
  memory_release(mark);
  if (reset && villain_start_device(v, 0) && correct_request(v, case_number)) {
    tally.recovered++;
  } else {
    fail("villain: case %u, %s, '%s': no correct answer after a reset", case_number, v->name,
         c->name);
  }
  memory_release(mark);
}

static void play_random(struct villain *v) {
  u64 count = option_number("villain.random", RANDOM_DEFAULT);
  u64 seed = option_number("villain.seed", 1);
  struct villain_case c = {"random chain", villain_random_chain, 0};
  for (u64 i = 0; i < count; i++) {
    c.parameter = seed * 1000003 + i;
    play(v, &c, false);
  }
}

static void play_all(struct villain *v, const struct villain_case *cases, u32 count,
                     bool transport) {
  for (u32 i = 0; i < count; i++) {
    play(v, &cases[i], transport);
  }
}

static void report(const struct villain *v) {
  total.cases += tally.cases;
  total.recovered += tally.recovered;
  total.damaged += tally.damaged;
  say("villain %s: %u cases, %u recovered", v->name, tally.cases, tally.recovered);
  event_begin("villain");
  event_number("device", v->device->index);
  event_text("target", v->name);
  event_number("cases", tally.cases);
  event_number("recovered", tally.recovered);
  event_number("needs_reset", tally.needs_reset);
  event_number("completed", tally.completed);
  event_number("silent", tally.silent);
  event_number("damaged", tally.damaged);
  event_flag("peer", v->has_peer);
  event_number("wait_us", patience_us());
  event_end();
}

static void attack(struct villain *v, const struct villain_case *own, u32 own_count,
                   bool transport) {
  if (!list_contains(option_text("villain.targets", "rng,blk,net-tx,net-rx"), v->name)) {
    return;
  }
  tally = (struct tally){0};
  correct_us = 0;
  u64 mark = memory_mark();
  v->has_peer = v->device->type == VIRTIO_ID_NET;
  v->has_peer = villain_start_device(v, 0) && correct_request(v, 0) && v->has_peer;
  memory_release(mark);
  correct_us = v->device->type == VIRTIO_ID_NET && !v->has_peer ? 0 : correct_us;
  if (transport) {
    play_all(v, transport_cases, transport_case_count, true);
  }
  play_all(v, chain_cases, chain_case_count, false);
  play_all(v, own, own_count, false);
  play_random(v);
  report(v);
}

static void attack_device(struct virtio_device *device) {
  struct villain v = {.device = device, .features = TRANSPORT_FEATURES, .queues = 1};
  switch (device->type) {
    case VIRTIO_ID_RNG:
      v.name = "rng";
      attack(&v, NULL, 0, true);
      break;
    case VIRTIO_ID_BLOCK:
      v.name = "blk";
      v.features |= VIRTIO_BLK_F_RO | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD |
                    VIRTIO_BLK_F_WRITE_ZEROES;
      attack(&v, blk_cases, blk_case_count, true);
      break;
    case VIRTIO_ID_NET:
      v.features |= VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_CSUM;
      v.queues = 2;
      v.queue_number = 1;
      v.name = "net-tx";
      attack(&v, net_tx_cases, net_tx_case_count, true);
      v.queue_number = 0;
      v.name = "net-rx";
      v.receives = true;
      attack(&v, net_rx_cases, net_rx_case_count, false);
      break;
    default:
      break;
  }
}

void probe_villain(void) {
  if (boot_info.ram_end > RAM_MAX || memory_left() < MEMORY_MIN) {
    fail("villain: wants 16 MiB to 1 GiB of RAM");
    return;
  }
  wait_us = option_number("villain.wait_us", 0);
  first_case = option_number("villain.from", 1);
  last_case = option_number("villain.to", UINT32_MAX);
  verbose = option_number("villain.verbose", 0) != 0;
  case_number = 0;
  total = (struct tally){0};
  u64 mark = memory_mark();
  /* Cases point at low memory; nothing in it may look like a table. */
  memset((void *)8, 0, LOW_MEMORY_BYTES);
  for (u32 i = 0; i < device_count; i++) {
    attack_device(&devices[i]);
  }
  event_begin("villain_total");
  event_number("cases", total.cases);
  event_number("recovered", total.recovered);
  event_number("damaged", total.damaged);
  event_end();
  memory_release(mark);
  rng_restart();
  blk_restart();
  net_restart();
}
