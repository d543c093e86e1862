/* The block driver: queues, request slots, and pipelines over many requests (virtio 1.2 §5.2). */
#ifndef BLK_H
#define BLK_H

#include "virtqueue.h"

#define BLK_SECTOR_BYTES 512
#define BLK_MAX 8
#define BLK_DEPTH_MAX 64
#define BLK_ID_BYTES 20

#define VIRTIO_BLK_F_SIZE_MAX (1ull << 1)
#define VIRTIO_BLK_F_SEG_MAX (1ull << 2)
#define VIRTIO_BLK_F_RO (1ull << 5)
#define VIRTIO_BLK_F_BLK_SIZE (1ull << 6)
#define VIRTIO_BLK_F_FLUSH (1ull << 9)
#define VIRTIO_BLK_F_MQ (1ull << 12)
#define VIRTIO_BLK_F_DISCARD (1ull << 13)
#define VIRTIO_BLK_F_WRITE_ZEROES (1ull << 14)

#define VIRTIO_BLK_T_IN 0
#define VIRTIO_BLK_T_OUT 1
#define VIRTIO_BLK_T_FLUSH 4
#define VIRTIO_BLK_T_GET_ID 8
#define VIRTIO_BLK_T_DISCARD 11
#define VIRTIO_BLK_T_WRITE_ZEROES 13

#define VIRTIO_BLK_S_OK 0
#define VIRTIO_BLK_S_IOERR 1
#define VIRTIO_BLK_S_UNSUPP 2
#define BLK_STATUS_NONE 0xff /* never answered */

struct blk_header {
  u32 type;
  u32 reserved;
  u64 sector;
};

struct blk_range {
  u64 sector;
  u32 sectors;
  u32 flags;
};

struct blk_slot {
  struct blk_header header;
  volatile u8 status;
  bool done;
  u32 written;
  u64 sector;
  u32 bytes;
  u8 *data;
  struct descriptor *table;
  struct virtqueue *queue;
};

struct blk {
  struct virtio_device *device;
  u64 capacity_sectors;
  u32 size_max;
  u32 seg_max;
  u32 blk_size;
  bool read_only;
  u32 depth;
  u32 request_bytes;
  struct blk_slot slots[BLK_DEPTH_MAX];
  struct blk_slot extra; /* for one request by itself */
  u64 requests;
  u64 errors;
};

extern struct blk blks[BLK_MAX];
extern u32 blk_count;

/* Brings every blk device up; called once. */
void blk_start(void);
/* Resets and brings up again what blk_start found. */
void blk_restart(void);

/* Submits one request with bytes of slot->data (readable when out, else writable). */
void blk_submit(struct blk *blk, struct blk_slot *slot, u32 type, u64 sector, u32 bytes, bool out);
/* Whether the slot is done, without waiting. */
bool blk_done(struct blk *blk, struct blk_slot *slot);
/* Sleeps until the slot is done; false (and reported) after 30 s of silence. */
bool blk_wait(struct blk *blk, struct blk_slot *slot);
/* One request by itself; returns its status. */
u8 blk_request(struct blk *blk, u32 type, u64 sector, void *data, u32 bytes, bool out);

/*
 * Reads or writes a range with depth requests in flight. prepare fills a slot before a write,
 * finish sees each slot in sector order. Returns the sectors done before the first failure.
 */
u64 blk_transfer(struct blk *blk, bool out, u64 sector, u64 sectors,
                 void (*prepare)(struct blk_slot *slot, void *context),
                 void (*finish)(struct blk_slot *slot, void *context), void *context);

#endif
