#include "clock.h"
#include "memory.h"
#include "options.h"
#include "random.h"
#include "report.h"
#include "sha256.h"
#include "soak.h"

#define SECTORS_DEFAULT 16384
#define BLOCK_DEFAULT 8
#define MAGIC 0x6b616f732d777662ull
#define WORDS (BLK_SECTOR_BYTES / 8)
#define REPORTED_MAX 20 /* mismatches told one by one, per disk */

/* A sector names itself, so that one in the wrong place or from the wrong time can be told. */
struct sector {
  u64 magic;
  u64 number;
  u64 version;
  u64 seed;
  u64 noise[WORDS - 4];
};

static const char *const verdict_names[] = {"good", "lost", "torn", "misdirected", "corrupt"};

static void make_sector(struct sector *sector, u64 number, u64 version, u64 seed) {
  *sector = (struct sector){.magic = MAGIC, .number = number, .version = version, .seed = seed};
  struct random random = {seed ^ number << 24 ^ version << 1};
  for (u32 i = 0; i < ARRAY_SIZE(sector->noise); i++) {
    sector->noise[i] = random_next(&random);
  }
}

static bool is_intact(const struct sector *found) {
  struct sector expected;
  make_sector(&expected, found->number, found->version, found->seed);
  return memcmp(&expected, found, sizeof expected) == 0;
}

bool soak_disk_start(struct soak_disk *disk, struct blk *blk, u64 seed) {
  u64 start = option_number("blk.start", 0);
  u64 room = blk->capacity_sectors > start ? blk->capacity_sectors - start : 0;
  u64 sectors = MIN(option_number("soak.sectors", SECTORS_DEFAULT), room);
  u64 block = option_number("soak.block_sectors", BLOCK_DEFAULT);
  u64 most = blk->request_bytes / BLK_SECTOR_BYTES;
  block = MIN(block ? block : 1, most);
  *disk = (struct soak_disk){.blk = blk, .start_sector = start, .block_sectors = (u32)block};
  disk->blocks = (u32)(sectors / block);
  disk->seed = seed;
  if (blk->read_only || disk->blocks < blk->depth) {
    return false;
  }
  disk->versions = memory_get(disk->blocks * sizeof *disk->versions, 8);
  return true;
}

static u64 sector_of(const struct soak_disk *disk, u32 block) {
  return disk->start_sector + (u64)block * disk->block_sectors;
}

static void submit_write(struct soak_disk *disk, struct blk_slot *slot, u32 block, u64 version) {
  for (u32 i = 0; i < disk->block_sectors; i++) {
    make_sector((struct sector *)(slot->data + i * BLK_SECTOR_BYTES), sector_of(disk, block) + i,
                version, disk->seed);
  }
  blk_submit(disk->blk, slot, VIRTIO_BLK_T_OUT, sector_of(disk, block),
             disk->block_sectors * BLK_SECTOR_BYTES, true);
}

static bool finish(struct soak_disk *disk, struct blk_slot *slot, const char *what) {
  if (blk_wait(disk->blk, slot) && slot->status == VIRTIO_BLK_S_OK) {
    return true;
  }
  if (disk->io_errors++ < REPORTED_MAX) {
    fail("soak device %u: %s at sector %lu ended with status %u", disk->blk->device->index, what,
         slot->sector, (u32)slot->status);
  }
  return false;
}

static void note_time(struct soak_disk *disk, u64 start_us) {
  u64 elapsed = clock_now_us() - start_us;
  if (elapsed > disk->worst_us) {
    disk->worst_us = elapsed;
  }
}

void soak_disk_fill(struct soak_disk *disk) {
  u32 depth = disk->blk->depth;
  for (u32 first = 0; first < disk->blocks; first += depth) {
    u32 count = MIN(depth, disk->blocks - first);
    for (u32 i = 0; i < count; i++) {
      submit_write(disk, &disk->blk->slots[i], first + i, 1);
    }
    for (u32 i = 0; i < count; i++) {
      disk->versions[first + i] = finish(disk, &disk->blk->slots[i], "OUT");
    }
    disk->writes += count;
  }
}

/* Block number i of a batch: different ones, by a stride through the disk. */
static u32 block_of_batch(const struct soak_disk *disk, u64 random, u32 i) {
  u32 stride = disk->blocks / disk->blk->depth;
  return (u32)((random % disk->blocks + (u64)i * stride) % disk->blocks);
}

void soak_disk_write(struct soak_disk *disk, u64 random, bool flush) {
  static u32 version[BLK_DEPTH_MAX];
  struct blk *blk = disk->blk;
  u64 start = clock_now_us();
  for (u32 i = 0; i < blk->depth; i++) {
    u32 block = block_of_batch(disk, random, i);
    version[i] = disk->versions[block] + 1;
    submit_write(disk, &blk->slots[i], block, version[i]);
  }
  for (u32 i = 0; i < blk->depth; i++) {
    bool written = finish(disk, &blk->slots[i], "OUT");
    disk->versions[block_of_batch(disk, random, i)] = written ? version[i] : 0;
  }
  disk->writes += blk->depth;
  if (flush && (blk->device->features & VIRTIO_BLK_F_FLUSH)) {
    blk_submit(blk, &blk->extra, VIRTIO_BLK_T_FLUSH, 0, 0, true);
    finish(disk, &blk->extra, "FLUSH");
    disk->flushes++;
  }
  note_time(disk, start);
}

static enum soak_verdict judge(const struct soak_disk *disk, const u8 *data, u32 block) {
  u32 old = 0;
  for (u32 i = 0; i < disk->block_sectors; i++) {
    const struct sector *found = (const struct sector *)(data + i * BLK_SECTOR_BYTES);
    if (found->magic != MAGIC || found->seed != disk->seed || !is_intact(found)) {
      return SOAK_CORRUPT;
    }
    if (found->number != sector_of(disk, block) + i) {
      return SOAK_MISDIRECTED;
    }
    old += found->version != disk->versions[block];
  }
  return old == 0 ? SOAK_GOOD : old == disk->block_sectors ? SOAK_LOST : SOAK_TORN;
}

static void check(struct soak_disk *disk, struct blk_slot *slot, u32 block) {
  disk->reads++;
  if (!finish(disk, slot, "IN") || disk->versions[block] == 0) {
    return;
  }
  enum soak_verdict verdict = judge(disk, slot->data, block);
  disk->verdicts[verdict]++;
  if (verdict == SOAK_GOOD) {
    return;
  }
  const struct sector *first = (const struct sector *)slot->data;
  u64 bad = 0;
  for (u32 i = SOAK_LOST; i < SOAK_VERDICTS; i++) {
    bad += disk->verdicts[i];
  }
  if (bad <= REPORTED_MAX) {
    fail("soak device %u: block at sector %lu is %s", disk->blk->device->index, slot->sector,
         verdict_names[verdict]);
    event_begin("mismatch");
    event_number("device", disk->blk->device->index);
    event_text("verdict", verdict_names[verdict]);
    event_number("sector", slot->sector);
    event_number("sectors", disk->block_sectors);
    event_number("expected_version", disk->versions[block]);
    event_number("found_version", first->magic == MAGIC ? first->version : 0);
    event_number("found_sector", first->magic == MAGIC ? first->number : 0);
    event_end();
  }
  disk->versions[block] = 0; /* told once; the next write makes it known again */
}

static void read_batch(struct soak_disk *disk, u32 count, const u32 *blocks) {
  struct blk *blk = disk->blk;
  for (u32 i = 0; i < count; i++) {
    memset(blk->slots[i].data, 0, disk->block_sectors * BLK_SECTOR_BYTES);
    blk_submit(blk, &blk->slots[i], VIRTIO_BLK_T_IN, sector_of(disk, blocks[i]),
               disk->block_sectors * BLK_SECTOR_BYTES, false);
  }
  for (u32 i = 0; i < count; i++) {
    check(disk, &blk->slots[i], blocks[i]);
  }
}

void soak_disk_verify(struct soak_disk *disk, u64 random) {
  static u32 blocks[BLK_DEPTH_MAX];
  u64 start = clock_now_us();
  for (u32 i = 0; i < disk->blk->depth; i++) {
    blocks[i] = block_of_batch(disk, random, i);
  }
  read_batch(disk, disk->blk->depth, blocks);
  note_time(disk, start);
}

void soak_disk_finish(struct soak_disk *disk) {
  static u32 blocks[BLK_DEPTH_MAX];
  struct blk *blk = disk->blk;
  struct sha256 hash;
  u8 digest[SHA256_BYTES];
  sha256_start(&hash);
  for (u32 first = 0; first < disk->blocks; first += blk->depth) {
    u32 count = MIN(blk->depth, disk->blocks - first);
    for (u32 i = 0; i < count; i++) {
      blocks[i] = first + i;
    }
    read_batch(disk, count, blocks);
    for (u32 i = 0; i < count; i++) {
      sha256_add(&hash, blk->slots[i].data, disk->block_sectors * BLK_SECTOR_BYTES);
    }
  }
  sha256_end(&hash, digest);
  u64 sectors = (u64)disk->blocks * disk->block_sectors;
  bool whole = disk->start_sector == 0 && sectors == blk->capacity_sectors;
  event_begin("soak_blk");
  event_number("device", blk->device->index);
  event_number("start_sector", disk->start_sector);
  event_number("sectors", sectors);
  event_text("covers", whole ? "image" : "range");
  event_hex("sha256", digest, sizeof digest);
  event_number("writes", disk->writes);
  event_number("reads", disk->reads);
  event_number("flushes", disk->flushes);
  event_number("io_errors", disk->io_errors);
  for (u32 i = SOAK_LOST; i < SOAK_VERDICTS; i++) {
    event_number(verdict_names[i], disk->verdicts[i]);
  }
  event_number("worst_us", disk->worst_us);
  event_end();
}
