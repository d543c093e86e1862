/* What is right for each type of device. */
#include "blk.h"
#include "clock.h"
#include "memory.h"
#include "net.h"
#include "probe_blk.h"
#include "report.h"
#include "sys.h"
#include "villain.h"

#define ANSWER_TIMEOUT_US 10000000
/* Cases announce rings larger than the queue's; those, too, shall end in our memory. */
#define RING_ROOM 65536
#define FRAME_OFFSET 64
#define STATUS_OFFSET (ZONE_BYTES / 2)
#define ARP_FRAME_BYTES 42
#define RX_BYTES 2048
#define RX 0
#define TX 1

bool villain_start_device(struct villain *v, u64 drop) {
  v->device->ring_room = RING_ROOM;
  bool started = virtio_negotiate(v->device, v->features & ~drop) &&
                 virtio_create_queues(v->device, v->queues, VILLAIN_QUEUE_SIZE);
  v->device->ring_room = 0;
  if (started) {
    virtio_start(v->device);
    v->queue = v->device->queues[v->queue_number];
  }
  return started;
}

static struct nic *nic_of(const struct villain *v) {
  for (u32 i = 1; i < nic_count; i++) {
    if (nics[i].device == v->device) {
      return &nics[i];
    }
  }
  return &nics[0];
}

static void put32(u8 *at, u32 value) {
  u32 big = swap32(value);
  memcpy(at, &big, 4);
}

/* An ARP request for the peer's address. */
static void put_arp(struct villain *v, u8 *frame) {
  struct nic *nic = nic_of(v);
  memset(frame, 0, ARP_FRAME_BYTES);
  memset(frame, 0xff, MAC_BYTES);
  memcpy(frame + 6, nic->mac, MAC_BYTES);
  memcpy(frame + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", 10);
  memcpy(frame + 22, nic->mac, MAC_BYTES);
  put32(frame + 28, nic->ip);
  put32(frame + 38, nic->peer_ip);
}

void villain_valid_chain(struct villain *v) {
  u64 in = (u64)v->readable;
  u64 out = (u64)v->writable;
  if (v->device->type == VIRTIO_ID_BLOCK) {
    *(struct blk_header *)v->readable = (struct blk_header){.type = VIRTIO_BLK_T_IN};
    raw_descriptor(v, 0, in, sizeof(struct blk_header), DESC_F_NEXT, 1);
    raw_descriptor(v, 1, out, BLK_SECTOR_BYTES, DESC_F_NEXT | DESC_F_WRITE, 2);
    raw_descriptor(v, 2, out + STATUS_OFFSET, 1, DESC_F_WRITE, 0);
    v->data = 1;
    v->last = 2;
  } else if (v->device->type == VIRTIO_ID_NET && v->queue_number == TX) {
    memset(v->readable, 0, sizeof(struct net_header));
    put_arp(v, v->readable + FRAME_OFFSET);
    raw_descriptor(v, 0, in, sizeof(struct net_header), DESC_F_NEXT, 1);
    raw_descriptor(v, 1, in + FRAME_OFFSET, ARP_FRAME_BYTES, 0, 0);
    v->data = v->last = 1;
  } else {
    raw_descriptor(v, 0, out, v->receives ? RX_BYTES : 64, DESC_F_WRITE, 0);
    v->data = v->last = 0;
  }
}

void villain_provoke_peer(struct villain *v) {
  static struct net_header header;
  static u8 frame[ARP_FRAME_BYTES];
  struct virtqueue *queue = v->device->queues[TX];
  struct segment segments[2] = {{&header, sizeof header}, {frame, sizeof frame}};
  u32 written;
  while (queue->used->index != queue->used_seen) {
    virtqueue_take(queue, &written);
  }
  put_arp(v, frame);
  virtqueue_add(queue, segments, 2, 0, frame, NULL);
  virtqueue_kick(queue);
}

static bool correct_rng(struct villain *v) {
  u8 *bytes = memory_get(64, 64);
  struct segment segment = {bytes, 64};
  u32 written;
  virtqueue_add(v->queue, &segment, 0, 1, bytes, NULL);
  if (!virtqueue_wait(v->queue, deadline_in_us(ANSWER_TIMEOUT_US)) ||
      virtqueue_take(v->queue, &written) != bytes || written == 0 || written > 64) {
    return false;
  }
  u8 any = 0;
  for (u32 i = 0; i < written; i++) {
    any |= bytes[i];
  }
  return any != 0;
}

static bool blk_io(struct villain *v, u32 type, u64 sector, u8 *data) {
  struct blk_header *header = memory_get(sizeof *header, 16);
  volatile u8 *status = memory_get(1, 1);
  *header = (struct blk_header){.type = type, .sector = sector};
  *status = BLK_STATUS_NONE;
  struct segment segments[3] = {
      {header, sizeof *header}, {data, BLK_SECTOR_BYTES}, {(void *)status, 1}};
  u32 readable = type == VIRTIO_BLK_T_OUT ? 2 : 1;
  u32 written;
  virtqueue_add(v->queue, segments, readable, 3 - readable, header, NULL);
  return virtqueue_wait(v->queue, deadline_in_us(ANSWER_TIMEOUT_US)) &&
         virtqueue_take(v->queue, &written) == header && *status == VIRTIO_BLK_S_OK;
}

static bool correct_blk(struct villain *v, u64 seed) {
  u8 *sent = memory_get(BLK_SECTOR_BYTES, 512);
  u8 *got = memory_get(BLK_SECTOR_BYTES, 512);
  u64 sector = virtio_config64(v->device, 0) - 1;
  if (v->device->features & VIRTIO_BLK_F_RO) {
    return blk_io(v, VIRTIO_BLK_T_IN, sector, got);
  }
  blk_pattern(seed, sector, sent, BLK_SECTOR_BYTES);
  return blk_io(v, VIRTIO_BLK_T_OUT, sector, sent) && blk_io(v, VIRTIO_BLK_T_IN, sector, got) &&
         memcmp(sent, got, BLK_SECTOR_BYTES) == 0;
}

static bool is_reply(struct villain *v, const u8 *frame, u32 length) {
  u8 peer[4];
  put32(peer, nic_of(v)->peer_ip);
  return length >= ARP_FRAME_BYTES && memcmp(frame + 12, "\x08\x06", 2) == 0 && frame[21] == 2 &&
         memcmp(frame + 28, peer, 4) == 0;
}

/* Sends an ARP request; where there is a peer, its reply must come in. */
static bool correct_net(struct villain *v) {
  struct virtqueue *rx = v->device->queues[RX];
  struct virtqueue *tx = v->device->queues[TX];
  u32 written;
  for (u32 i = 0; i < VILLAIN_QUEUE_SIZE; i++) {
    struct segment segment = {memory_get(RX_BYTES, 64), RX_BYTES};
    virtqueue_add(rx, &segment, 0, 1, segment.address, NULL);
  }
  virtqueue_kick(rx);
  u64 deadline = deadline_in_us(ANSWER_TIMEOUT_US);
  villain_provoke_peer(v);
  if (!virtqueue_wait(tx, deadline) || !virtqueue_take(tx, &written)) {
    return false;
  }
  while (v->has_peer) {
    if (!virtqueue_wait(rx, deadline)) {
      return false;
    }
    u8 *buffer = virtqueue_take(rx, &written);
    if (!buffer || written < sizeof(struct net_header)) {
      return false;
    }
    u32 header = sizeof(struct net_header);
    if (is_reply(v, buffer + header, written - header)) {
      return true;
    }
  }
  return true;
}

bool villain_correct_request(struct villain *v, u64 seed) {
  switch (v->device->type) {
    case VIRTIO_ID_BLOCK:
      return correct_blk(v, seed);
    case VIRTIO_ID_NET:
      return correct_net(v);
    default:
      return correct_rng(v);
  }
}
