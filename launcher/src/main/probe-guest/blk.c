#include "blk.h"

#include "clock.h"
#include "memory.h"
#include "options.h"
#include "report.h"
#include "sys.h"

#define QUEUE_SIZE 128
#define REQUEST_DEFAULT 65536
#define REQUEST_LIMIT (1u << 20)
#define DEPTH_DEFAULT 8
#define SEGMENTS_MAX 18 /* header, data, status */
#define DATA_SEGMENTS_MAX (SEGMENTS_MAX - 2)
#define SEGMENTS_USUAL 4
#define TIMEOUT_US 30000000
#define MEMORY_SHARE 8 /* one disk's buffers take at most this part of the memory left */

#define CONFIG_CAPACITY 0
#define CONFIG_SIZE_MAX 8
#define CONFIG_SEG_MAX 12
#define CONFIG_BLK_SIZE 20
#define CONFIG_NUM_QUEUES 34

struct blk blks[BLK_MAX];
u32 blk_count;

static void prepare_slot(struct blk *blk, struct blk_slot *slot) {
  slot->data = memory_get(blk->request_bytes, PAGE_SIZE);
  slot->table = memory_get(SEGMENTS_MAX * sizeof *slot->table, 16);
}

static void assign_queues(struct blk *blk) {
  for (u32 i = 0; i < blk->depth; i++) {
    blk->slots[i].queue = blk->device->queues[i % blk->device->queue_count];
  }
  blk->extra.queue = blk->device->queues[0];
}

static void read_config(struct blk *blk) {
  struct virtio_device *device = blk->device;
  blk->capacity_sectors = virtio_config64(device, CONFIG_CAPACITY);
  blk->size_max = UINT32_MAX;
  blk->seg_max = DATA_SEGMENTS_MAX;
  blk->blk_size = BLK_SECTOR_BYTES;
  blk->read_only = device->features & VIRTIO_BLK_F_RO;
  if (device->features & VIRTIO_BLK_F_SIZE_MAX) {
    blk->size_max = virtio_config32(device, CONFIG_SIZE_MAX);
  }
  if (device->features & VIRTIO_BLK_F_SEG_MAX) {
    blk->seg_max = MIN(virtio_config32(device, CONFIG_SEG_MAX), (u32)DATA_SEGMENTS_MAX);
  }
  if (device->features & VIRTIO_BLK_F_BLK_SIZE) {
    blk->blk_size = virtio_config32(device, CONFIG_BLK_SIZE);
  }
}

static bool connect(struct blk *blk) {
  struct virtio_device *device = blk->device;
  u64 wanted = TRANSPORT_FEATURES | VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO |
               VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_MQ |
               VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES;
  if (!virtio_negotiate(device, wanted)) {
    return false;
  }
  read_config(blk);
  u32 queues = device->features & VIRTIO_BLK_F_MQ ? virtio_config16(device, CONFIG_NUM_QUEUES) : 1;
  u64 limit = option_number("blk.queues", QUEUES_MAX);
  queues = MIN(MIN(queues, (u32)QUEUES_MAX), limit ? (u32)limit : 1);
  if (!virtio_create_queues(device, queues ? queues : 1, QUEUE_SIZE)) {
    return false;
  }
  virtio_start(device);
  return true;
}

static bool start_one(struct blk *blk) {
  if (!connect(blk)) {
    return false;
  }
  u64 bytes = option_number("blk.request", REQUEST_DEFAULT) / blk->blk_size * blk->blk_size;
  u64 possible = (u64)blk->size_max * blk->seg_max / blk->blk_size * blk->blk_size;
  bytes = MIN(MIN(bytes, (u64)REQUEST_LIMIT), possible);
  blk->request_bytes = (u32)(bytes ? bytes : blk->blk_size);
  u64 depth = option_number("blk.depth", DEPTH_DEFAULT);
  u64 fitting = memory_left() / MEMORY_SHARE / blk->request_bytes;
  depth = MIN(MIN(depth, (u64)BLK_DEPTH_MAX), fitting);
  blk->depth = (u32)(depth ? depth : 1);
  for (u32 i = 0; i < blk->depth; i++) {
    prepare_slot(blk, &blk->slots[i]);
  }
  prepare_slot(blk, &blk->extra);
  assign_queues(blk);
  return true;
}

void blk_restart(void) {
  for (u32 i = 0; i < blk_count; i++) {
    if (connect(&blks[i])) {
      assign_queues(&blks[i]);
    }
  }
}

void blk_start(void) {
  struct virtio_device *device;
  while (blk_count < BLK_MAX && (device = virtio_device_of(VIRTIO_ID_BLOCK, blk_count))) {
    blks[blk_count].device = device;
    if (!start_one(&blks[blk_count])) {
      return;
    }
    blk_count++;
  }
}

/* Cuts the data into segments that the device allows, and into several where it may be one. */
static u32 cut(const struct blk *blk, u8 *data, u32 bytes, struct segment *segments) {
  u32 wanted = MIN(blk->seg_max, (u32)(1 + blk->requests % SEGMENTS_USUAL));
  u32 length = (bytes + wanted - 1) / wanted;
  u32 least = (bytes + blk->seg_max - 1) / blk->seg_max;
  length = MIN(MIN(length > least ? length : least, blk->size_max), bytes);
  u32 count = 0;
  for (u32 at = 0; at < bytes && count < DATA_SEGMENTS_MAX; at += length) {
    segments[count++] = (struct segment){data + at, MIN(length, bytes - at)};
  }
  return count;
}

static void collect(struct blk *blk) {
  for (u32 i = 0; i < blk->device->queue_count; i++) {
    struct virtqueue *queue = blk->device->queues[i];
    struct blk_slot *slot;
    u32 written;
    while (queue->used->index != queue->used_seen) {
      slot = virtqueue_take(queue, &written);
      if (slot) {
        slot->done = true;
        slot->written = written;
      }
    }
  }
}

void blk_submit(struct blk *blk, struct blk_slot *slot, u32 type, u64 sector, u32 bytes, bool out) {
  struct segment segments[SEGMENTS_MAX];
  slot->header = (struct blk_header){.type = type, .sector = sector};
  slot->status = BLK_STATUS_NONE;
  slot->done = false;
  slot->sector = sector;
  slot->bytes = bytes;
  segments[0] = (struct segment){&slot->header, sizeof slot->header};
  u32 data = cut(blk, slot->data, bytes, segments + 1);
  segments[1 + data] = (struct segment){(void *)&slot->status, 1};
  struct descriptor *table = blk->requests % 2 ? slot->table : NULL;
  u32 readable = out ? 1 + data : 1;
  u32 writable = data + 2 - readable;
  while (!virtqueue_add(slot->queue, segments, readable, writable, slot, table)) {
    /* A full ring still takes one descriptor, which is all that an indirect request needs. */
    table = slot->table;
    if (!virtqueue_wait(slot->queue, deadline_in_us(TIMEOUT_US))) {
      fail("blk device %u: ring full for 30 s", blk->device->index);
      slot->done = true;
      return;
    }
    collect(blk);
  }
  blk->requests++;
}

bool blk_done(struct blk *blk, struct blk_slot *slot) {
  collect(blk);
  return slot->done;
}

bool blk_wait(struct blk *blk, struct blk_slot *slot) {
  for (u32 i = 0; i < blk->device->queue_count; i++) {
    if (blk->device->queues[i] != slot->queue) {
      virtqueue_kick(blk->device->queues[i]);
    }
  }
  u64 deadline = deadline_in_us(TIMEOUT_US);
  for (;;) {
    collect(blk);
    if (slot->done) {
      return true;
    }
    if (!virtqueue_wait(slot->queue, deadline)) {
      fail("blk device %u: %s (type %u, sector %lu)", blk->device->index,
           virtio_needs_reset(blk->device) ? "needs a reset" : "no answer within 30 s",
           slot->header.type, slot->sector);
      return false;
    }
  }
}

u8 blk_request(struct blk *blk, u32 type, u64 sector, void *data, u32 bytes, bool out) {
  struct blk_slot *slot = &blk->extra;
  if (out && bytes) {
    memcpy(slot->data, data, bytes);
  }
  blk_submit(blk, slot, type, sector, bytes, out);
  if (!blk_wait(blk, slot)) {
    return BLK_STATUS_NONE;
  }
  if (!out && bytes) {
    memcpy(data, slot->data, bytes);
  }
  return slot->status;
}

static bool finished_well(struct blk *blk, struct blk_slot *slot, bool out) {
  u32 expected = out ? 1 : slot->bytes + 1;
  if (slot->status == VIRTIO_BLK_S_OK && slot->written == expected) {
    return true;
  }
  blk->errors++;
  if (slot->status == VIRTIO_BLK_S_OK) {
    fail("blk device %u: %s at sector %lu used %u bytes, not %u", blk->device->index,
         out ? "OUT" : "IN", slot->sector, slot->written, expected);
  } else {
    fail("blk device %u: %s at sector %lu ended with status %u", blk->device->index,
         out ? "OUT" : "IN", slot->sector, (u32)slot->status);
  }
  return false;
}

u64 blk_transfer(struct blk *blk, bool out, u64 sector, u64 sectors,
                 void (*prepare)(struct blk_slot *slot, void *context),
                 void (*finish)(struct blk_slot *slot, void *context), void *context) {
  u32 step = blk->request_bytes / BLK_SECTOR_BYTES;
  u64 total = (sectors + step - 1) / step;
  u64 submitted = 0;
  u64 good_sectors = 0;
  bool good = true;
  for (u64 done = 0; done < total; done++) {
    while (good && submitted < total && submitted - done < blk->depth) {
      struct blk_slot *slot = &blk->slots[submitted % blk->depth];
      u64 offset = submitted * step;
      slot->sector = sector + offset;
      slot->bytes = (u32)MIN((u64)step, sectors - offset) * BLK_SECTOR_BYTES;
      if (prepare) {
        prepare(slot, context);
      }
      u32 type = out ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
      blk_submit(blk, slot, type, slot->sector, slot->bytes, out);
      submitted++;
    }
    if (done == submitted) {
      break;
    }
    struct blk_slot *slot = &blk->slots[done % blk->depth];
    if (!blk_wait(blk, slot)) {
      break;
    }
    bool ok = finished_well(blk, slot, out);
    good = good && ok;
    if (good) {
      good_sectors += slot->bytes / BLK_SECTOR_BYTES;
      if (finish) {
        finish(slot, context);
      }
    }
  }
  return good_sectors;
}
