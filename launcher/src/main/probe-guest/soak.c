#include "soak.h"

#include "basepoint.h"
#include "clock.h"
#include "net.h"
#include "options.h"
#include "probe_net.h"
#include "random.h"
#include "report.h"
#include "rng.h"
#include "shell.h"

#define SECONDS_DEFAULT 10
#define FLUSH_DEFAULT 4
#define SIDE_DEFAULT 8
#define PROGRESS_DEFAULT_MS 1000
#define RNG_BYTES 64
#define NET_TIMEOUT_US 200000

static struct soak_disk disks[BLK_MAX];
static u32 disk_count;

struct side {
  u64 draws, draw_errors, draw_worst_us;
  u64 asked, answered, answer_worst_us;
};

static struct side side;
static bool peers[NET_MAX];

static void draw(void) {
  u8 bytes[RNG_BYTES];
  for (u32 i = 0; i < rng_count(); i++) {
    u64 start = clock_now_us();
    side.draws++;
    side.draw_errors += !rng_read(i, bytes, sizeof bytes);
    u64 elapsed = clock_now_us() - start;
    side.draw_worst_us = elapsed > side.draw_worst_us ? elapsed : side.draw_worst_us;
  }
}

/* Asks each peer once; an answer lost is counted but is no failure: networks may lose frames. */
static void ask(void) {
  for (u32 i = 0; i < nic_count; i++) {
    if (!peers[i]) {
      continue;
    }
    u64 start = clock_now_us();
    side.asked++;
    if (net_ask_once(i, (u16)side.asked, NET_TIMEOUT_US)) {
      side.answered++;
      u64 elapsed = clock_now_us() - start;
      side.answer_worst_us = elapsed > side.answer_worst_us ? elapsed : side.answer_worst_us;
    }
  }
}

static void report_side(const char *event, u64 rounds) {
  u64 writes = 0, reads = 0, worst = 0;
  for (u32 i = 0; i < disk_count; i++) {
    writes += disks[i].writes;
    reads += disks[i].reads;
    worst = disks[i].worst_us > worst ? disks[i].worst_us : worst;
  }
  event_begin(event);
  event_number("rounds", rounds);
  event_number("writes", writes);
  event_number("reads", reads);
  event_number("blk_worst_us", worst);
  event_number("draws", side.draws);
  event_number("draw_errors", side.draw_errors);
  event_number("draw_worst_us", side.draw_worst_us);
  event_number("asked", side.asked);
  event_number("answered", side.answered);
  event_number("answer_worst_us", side.answer_worst_us);
  event_number("failures", failure_count());
  event_end();
}

static void start(u64 seed) {
  disk_count = 0;
  side = (struct side){0};
  for (u32 i = 0; i < blk_count; i++) {
    disk_count += soak_disk_start(&disks[disk_count], &blks[i], seed + i);
  }
  for (u32 i = 0; i < disk_count; i++) {
    soak_disk_fill(&disks[i]);
  }
  for (u32 i = 0; i < nic_count; i++) {
    peers[i] = net_find_peer(i);
  }
}

void probe_soak(void) {
  u64 seed = option_number("soak.seed", 1);
  u64 seconds = option_number("soak.seconds", SECONDS_DEFAULT);
  u64 flush_every = option_number("soak.flush_every", FLUSH_DEFAULT);
  u64 side_every = option_number("soak.side_every", SIDE_DEFAULT);
  u64 progress_us = option_number("soak.progress_ms", PROGRESS_DEFAULT_MS) * 1000;
  struct random random = {seed};
  start(seed);
  event_begin("soaking");
  event_number("disks", disk_count);
  event_end();
  u64 deadline = seconds ? deadline_in_us(seconds * 1000000) : NEVER;
  u64 progress = deadline_in_us(progress_us);
  u64 rounds = 0;
  while (!deadline_passed(deadline) && shell_poll() && !basepoint_check()) {
    bool flush = flush_every && rounds % flush_every == 0;
    for (u32 i = 0; i < disk_count; i++) {
      soak_disk_write(&disks[i], random_next(&random), flush);
      soak_disk_verify(&disks[i], random_next(&random));
    }
    if (side_every && rounds % side_every == 0) {
      draw();
      ask();
    }
    rounds++;
    if (progress_us && deadline_passed(progress)) {
      report_side("soak_progress", rounds);
      progress = deadline_in_us(progress_us);
    }
  }
  for (u32 i = 0; i < disk_count; i++) {
    soak_disk_finish(&disks[i]);
  }
  say("soak: %lu rounds, %u failures", rounds, failure_count());
  report_side("soak", rounds);
}
