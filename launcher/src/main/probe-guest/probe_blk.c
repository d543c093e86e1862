#include "probe_blk.h"

#include "clock.h"
#include "options.h"
#include "random.h"
#include "report.h"
#include "sha256.h"

#define WORDS_PER_SECTOR (BLK_SECTOR_BYTES / 8)
#define SECTORS_DEFAULT 2048
#define OPS_DEFAULT "get_id,out,flush,in"
#define UNKNOWN_TYPE 0x7f

enum pattern { PATTERN_SEEDED, PATTERN_ZERO, PATTERN_ONES };

struct job {
  struct blk *blk;
  enum pattern pattern;
  u64 seed;
  u64 mismatches; /* sectors that differ from the pattern */
  u64 first_mismatch;
  bool verify;
  struct sha256 hash;
};

void blk_pattern(u64 seed, u64 sector, u8 *data, u32 bytes) {
  u64 *words = (u64 *)data;
  struct random random = {seed + SPLITMIX64_STEP * (sector * WORDS_PER_SECTOR)};
  for (u32 i = 0; i < bytes / 8; i++) {
    words[i] = random_next(&random);
  }
}

static void fill(const struct job *job, u64 sector, u8 *data, u32 bytes) {
  if (job->pattern == PATTERN_SEEDED) {
    blk_pattern(job->seed, sector, data, bytes);
  } else {
    memset(data, job->pattern == PATTERN_ONES ? 0xff : 0, bytes);
  }
}

static void prepare_write(struct blk_slot *slot, void *context) {
  fill(context, slot->sector, slot->data, slot->bytes);
}

static void spoil(struct blk_slot *slot, void *context) {
  (void)context;
  memset(slot->data, 0xa5, slot->bytes);
}

static void check_read(struct blk_slot *slot, void *context) {
  struct job *job = context;
  u8 expected[BLK_SECTOR_BYTES];
  sha256_add(&job->hash, slot->data, slot->bytes);
  for (u32 at = 0; job->verify && at < slot->bytes; at += BLK_SECTOR_BYTES) {
    u64 sector = slot->sector + at / BLK_SECTOR_BYTES;
    fill(job, sector, expected, BLK_SECTOR_BYTES);
    if (memcmp(expected, slot->data + at, BLK_SECTOR_BYTES) != 0) {
      if (job->mismatches++ == 0) {
        job->first_mismatch = sector;
      }
    }
  }
}

static void expect(struct blk *blk, const char *what, u8 status, u8 wanted) {
  if (status == wanted) {
    return;
  }
  blk->errors++;
  fail("blk device %u: %s: status %u, not %u", blk->device->index, what, (u32)status, (u32)wanted);
}

/* One range request (DISCARD or WRITE_ZEROES), then the range must read as zeros if it has to. */
static void try_range(struct blk *blk, u32 type, u64 feature, const char *name, u64 start) {
  if (!(blk->device->features & feature)) {
    struct blk_range range = {.sector = start, .sectors = 8};
    u8 status = blk_request(blk, type, 0, &range, sizeof range, true);
    expect(blk, name, status, VIRTIO_BLK_S_UNSUPP);
    return;
  }
  u32 sectors = blk->request_bytes / BLK_SECTOR_BYTES;
  static u8 data[BLK_SECTOR_BYTES];
  struct blk_range range = {.sector = start, .sectors = sectors};
  expect(blk, name, blk_request(blk, type, 0, &range, sizeof range, true), VIRTIO_BLK_S_OK);
  for (u32 i = 0; type == VIRTIO_BLK_T_WRITE_ZEROES && i < sectors; i++) {
    expect(blk, "IN of zeroed sectors",
           blk_request(blk, VIRTIO_BLK_T_IN, start + i, data, sizeof data, false), VIRTIO_BLK_S_OK);
    for (u32 j = 0; j < sizeof data; j++) {
      if (data[j]) {
        blk->errors++;
        fail("blk device %u: sector %lu is not zero after %s", blk->device->index, start + i, name);
        return;
      }
    }
  }
  /* Ranges that end beyond the capacity. */
  range.sector = blk->capacity_sectors - 1;
  range.sectors = 2 * blk->blk_size / BLK_SECTOR_BYTES;
  expect(blk, "range beyond the end", blk_request(blk, type, 0, &range, sizeof range, true),
         VIRTIO_BLK_S_IOERR);
}

static void try_bad_requests(struct blk *blk) {
  static u8 data[2 * BLK_SECTOR_BYTES];
  u64 end = blk->capacity_sectors;
  expect(blk, "IN beyond the end", blk_request(blk, VIRTIO_BLK_T_IN, end, data, 512, false),
         VIRTIO_BLK_S_IOERR);
  expect(blk, "OUT beyond the end", blk_request(blk, VIRTIO_BLK_T_OUT, end, data, 512, true),
         VIRTIO_BLK_S_IOERR);
  expect(blk, "IN across the end", blk_request(blk, VIRTIO_BLK_T_IN, end - 1, data, 1024, false),
         VIRTIO_BLK_S_IOERR);
  expect(blk, "IN at the last sector number",
         blk_request(blk, VIRTIO_BLK_T_IN, UINT64_MAX, data, 512, false), VIRTIO_BLK_S_IOERR);
  expect(blk, "IN of 100 bytes", blk_request(blk, VIRTIO_BLK_T_IN, 0, data, 100, false),
         VIRTIO_BLK_S_IOERR);
  expect(blk, "unknown type", blk_request(blk, UNKNOWN_TYPE, 0, data, 512, false),
         VIRTIO_BLK_S_UNSUPP);
  if (blk->read_only) {
    expect(blk, "OUT to a read-only disk", blk_request(blk, VIRTIO_BLK_T_OUT, 0, data, 512, true),
           VIRTIO_BLK_S_IOERR);
  }
}

static enum pattern pattern_option(void) {
  const char *name = option_text("blk.pattern", "seeded");
  if (text_equal(name, "zero")) {
    return PATTERN_ZERO;
  }
  if (text_equal(name, "ones")) {
    return PATTERN_ONES;
  }
  if (!text_equal(name, "seeded")) {
    fail("blk.pattern=%s is not one of seeded, zero, ones", name);
  }
  return PATTERN_SEEDED;
}

void blk_probe(u32 number, const char *ops, u64 seed, u64 start, u64 wanted) {
  struct blk *blk = &blks[number];
  bool writes = !blk->read_only;
  u64 room = blk->capacity_sectors > start ? blk->capacity_sectors - start : 0;
  u64 sectors = MIN(wanted, room);
  struct job job = {.blk = blk, .pattern = pattern_option(), .seed = seed};
  u64 requests_before = blk->requests;
  u64 errors_before = blk->errors;
  char id[BLK_ID_BYTES + 1] = {0};
  u8 digest[SHA256_BYTES];
  u64 written = 0;
  u64 read = 0;
  u64 write_us = 0;
  u64 read_us = 0;
  bool flushed = false;

  if (list_contains(ops, "get_id")) {
    expect(blk, "GET_ID", blk_request(blk, VIRTIO_BLK_T_GET_ID, 0, id, BLK_ID_BYTES, false),
           VIRTIO_BLK_S_OK);
  }
  if (list_contains(ops, "badreq")) {
    try_bad_requests(blk);
  }
  if (writes && list_contains(ops, "discard")) {
    try_range(blk, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_F_DISCARD, "DISCARD", start);
  }
  if (writes && list_contains(ops, "write_zeroes")) {
    try_range(blk, VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_F_WRITE_ZEROES, "WRITE_ZEROES", start);
  }
  if (writes && list_contains(ops, "out")) {
    u64 before = clock_now_us();
    written = blk_transfer(blk, true, start, sectors, prepare_write, NULL, &job);
    write_us = clock_now_us() - before;
  }
  if (list_contains(ops, "flush") && (blk->device->features & VIRTIO_BLK_F_FLUSH)) {
    flushed = blk_request(blk, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, true) == VIRTIO_BLK_S_OK;
    expect(blk, "FLUSH", flushed ? VIRTIO_BLK_S_OK : blk->extra.status, VIRTIO_BLK_S_OK);
  }
  sha256_start(&job.hash);
  if (list_contains(ops, "in")) {
    job.verify = (writes && list_contains(ops, "out")) || list_contains(ops, "verify");
    u64 before = clock_now_us();
    read = blk_transfer(blk, false, start, sectors, spoil, check_read, &job);
    read_us = clock_now_us() - before;
  }
  sha256_end(&job.hash, digest);
  if (job.mismatches) {
    blk->errors++;
    fail("blk device %u: %lu sectors differ from what was written, first %lu", blk->device->index,
         job.mismatches, job.first_mismatch);
  }

  say("blk %u: %lu of %lu sectors written, %lu read back, %lu errors", blk->device->index, written,
      blk->capacity_sectors, read, blk->errors - errors_before);
  event_begin("blk");
  event_number("device", blk->device->index);
  event_number("capacity_sectors", blk->capacity_sectors);
  event_flag("read_only", blk->read_only);
  event_number("blk_size", blk->blk_size);
  event_number("queues", blk->device->queue_count);
  event_number("depth", blk->depth);
  event_text("id", id);
  event_number("start_sector", start);
  event_number("sectors", read);
  event_number("written_bytes", written * BLK_SECTOR_BYTES);
  event_flag("flushed", flushed);
  event_number("read_bytes", read * BLK_SECTOR_BYTES);
  event_text("covers", start == 0 && read == blk->capacity_sectors ? "image" : "range");
  event_hex("sha256", digest, sizeof digest);
  event_number("mismatched_sectors", job.mismatches);
  event_number("errors", blk->errors - errors_before);
  event_number("requests", blk->requests - requests_before);
  event_number("write_us", write_us);
  event_number("read_us", read_us);
  event_end();
}

void probe_blk(void) {
  if (blk_count == 0) {
    fail("blk: no device");
  }
  char ops[OPTION_MAX];
  const char *given = option_text("blk.ops", OPS_DEFAULT);
  memcpy(ops, given, strlen(given) + 1);
  u64 seed = option_number("blk.seed", 1);
  for (u32 i = 0; i < blk_count; i++) {
    blk_probe(i, ops, seed + i, option_number("blk.start", 0),
              option_number("blk.sectors", SECTORS_DEFAULT));
  }
}
