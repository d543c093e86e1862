/* What is right for each type of device, and what else can be wrong with its requests. */
#include "blk.h"
#include "clock.h"
#include "memory.h"
#include "net.h"
#include "probe_blk.h"
#include "report.h"
#include "sys.h"
#include "villain.h"

#define ANSWER_TIMEOUT_US 10000000
#define RING_ROOM 65536 /* cases announce rings larger than the queue; they still end in our memory */
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

static struct blk_header *header_of(struct villain *v) {
  return (struct blk_header *)v->readable;
}

static u8 *status_of(struct villain *v) {
  return v->writable + STATUS_OFFSET;
}

void villain_valid_chain(struct villain *v) {
  u64 in = (u64)v->readable;
  u64 out = (u64)v->writable;
  if (v->device->type == VIRTIO_ID_BLOCK) {
    *header_of(v) = (struct blk_header){.type = VIRTIO_BLK_T_IN};
    raw_descriptor(v, 0, in, sizeof(struct blk_header), DESC_F_NEXT, 1);
    raw_descriptor(v, 1, out, BLK_SECTOR_BYTES, DESC_F_NEXT | DESC_F_WRITE, 2);
    raw_descriptor(v, 2, (u64)status_of(v), 1, DESC_F_WRITE, 0);
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

/* blk: the header's type, the rest as for IN (readable = 0) or OUT. */
static void typed(struct villain *v, u64 type) {
  villain_valid_chain(v);
  header_of(v)->type = (u32)type;
  raw_offer(v, 0);
}

static void typed_out(struct villain *v, u64 type) {
  villain_valid_chain(v);
  header_of(v)->type = (u32)type;
  raw_descriptor(v, 1, (u64)v->readable + 1024, BLK_SECTOR_BYTES, DESC_F_NEXT, 2);
  raw_offer(v, 0);
}

static void sector_in(struct villain *v, u64 sector) {
  villain_valid_chain(v);
  header_of(v)->sector = sector;
  raw_offer(v, 0);
}

static void sector_out(struct villain *v, u64 sector) {
  villain_valid_chain(v);
  *header_of(v) = (struct blk_header){.type = VIRTIO_BLK_T_OUT, .sector = sector};
  raw_descriptor(v, 1, (u64)v->readable + 1024, BLK_SECTOR_BYTES, DESC_F_NEXT, 2);
  raw_offer(v, 0);
}

static void sectors_at_end(struct villain *v, u64 before_end) {
  sector_in(v, virtio_config64(v->device, 0) - before_end);
}

static void sectors_across_end(struct villain *v, u64 bytes) {
  villain_valid_chain(v);
  header_of(v)->sector = virtio_config64(v->device, 0) - 1;
  raw_descriptor(v, 1, (u64)v->writable, (u32)bytes, DESC_F_NEXT | DESC_F_WRITE, 2);
  raw_offer(v, 0);
}

static void out_bytes(struct villain *v, u64 bytes) {
  villain_valid_chain(v);
  header_of(v)->type = VIRTIO_BLK_T_OUT;
  raw_descriptor(v, 1, (u64)v->readable + 1024, (u32)bytes, DESC_F_NEXT, 2);
  raw_offer(v, 0);
}

static void id_bytes(struct villain *v, u64 bytes) {
  villain_valid_chain(v);
  header_of(v)->type = VIRTIO_BLK_T_GET_ID;
  raw_descriptor(v, 1, (u64)v->writable, (u32)bytes, DESC_F_NEXT | DESC_F_WRITE, 2);
  raw_offer(v, 0);
}

static void cut_short(struct villain *v, u64 descriptors) {
  villain_valid_chain(v);
  u32 last = (u32)descriptors - 1;
  v->queue->descriptors[last].flags &= (u16)~DESC_F_NEXT;
  raw_offer(v, 0);
}

static void header_in_bytes(struct villain *v, u64 type) {
  villain_valid_chain(v);
  header_of(v)->type = (u32)type;
  for (u32 i = 0; i < VILLAIN_QUEUE_SIZE; i++) {
    bool more = i + 1 < VILLAIN_QUEUE_SIZE;
    raw_descriptor(v, i, (u64)v->readable + i, 1, more ? DESC_F_NEXT : 0, (u16)(i + 1));
  }
  raw_offer(v, 0);
}

static void status_readable(struct villain *v, u64 parameter) {
  (void)parameter;
  villain_valid_chain(v);
  raw_descriptor(v, 2, (u64)v->readable + 2048, 1, 0, 0);
  raw_offer(v, 0);
}

static void status_in_data(struct villain *v, u64 parameter) {
  (void)parameter;
  villain_valid_chain(v);
  raw_descriptor(v, 1, (u64)v->writable, BLK_SECTOR_BYTES + 1, DESC_F_WRITE, 0);
  raw_offer(v, 0);
}

/* A range request: type, payload bytes, and what is odd about the range. */
enum oddity { PLAIN, NO_SECTORS, ALL_SECTORS, FAR, OVERFLOWING, ODD_FLAGS, UNMAP };
#define RANGE(type, bytes, oddity) ((u64)(type) << 48 | (u64)(oddity) << 32 | (bytes))

static void range(struct villain *v, u64 parameter) {
  struct blk_range *ranges = (struct blk_range *)(v->readable + 1024);
  u32 bytes = (u32)parameter;
  villain_valid_chain(v);
  header_of(v)->type = (u32)(parameter >> 48);
  for (u32 i = 0; i < bytes / sizeof *ranges; i++) {
    ranges[i] = (struct blk_range){.sector = 8 * i, .sectors = 8};
    switch (parameter >> 32 & 0xffff) {
      case NO_SECTORS:
        ranges[i].sectors = 0;
        break;
      case ALL_SECTORS:
        ranges[i].sectors = UINT32_MAX;
        break;
      case FAR:
        ranges[i].sector = UINT64_MAX / 512;
        break;
      case OVERFLOWING:
        ranges[i].sector = UINT64_MAX - 3;
        break;
      case ODD_FLAGS:
        ranges[i].flags = 0xfffffffe;
        break;
      case UNMAP:
        ranges[i].flags = 1;
        break;
      default:
        break;
    }
  }
  raw_descriptor(v, 1, (u64)ranges, bytes, DESC_F_NEXT, 2);
  raw_offer(v, 0);
}

const struct villain_case blk_cases[] = {
    {"type SCSI", typed, 2},
    {"type 3", typed, 3},
    {"type 255", typed, 255},
    {"type 4294967295", typed, UINT32_MAX},
    {"type with the barrier bit", typed, 0x80000000},
    {"type OUT with writable data", typed, VIRTIO_BLK_T_OUT},
    {"type IN with readable data", typed_out, VIRTIO_BLK_T_IN},
    {"type GET_ID with readable data", typed_out, VIRTIO_BLK_T_GET_ID},
    {"type GET_LIFETIME", typed, 10},
    {"type SECURE_ERASE", typed_out, 14},
    {"type FLUSH with data in", typed, VIRTIO_BLK_T_FLUSH},
    {"type FLUSH with data out", typed_out, VIRTIO_BLK_T_FLUSH},
    {"type DISCARD with writable data", typed, VIRTIO_BLK_T_DISCARD},
    {"type WRITE_ZEROES with writable data", typed, VIRTIO_BLK_T_WRITE_ZEROES},
    {"IN at the capacity", sectors_at_end, 0},
    {"IN across the capacity", sectors_across_end, 1024},
    {"IN of 8 KiB across the capacity", sectors_across_end, 8192},
    {"IN at sector 2 to the 55th", sector_in, 1ull << 55},
    {"IN at sector 2 to the 63rd", sector_in, 1ull << 63},
    {"IN at the last sector number", sector_in, UINT64_MAX},
    {"OUT at sector 2 to the 55th", sector_out, 1ull << 55},
    {"OUT at the last sector number", sector_out, UINT64_MAX},
    {"OUT of nothing", out_bytes, 0},
    {"OUT of 1 byte", out_bytes, 1},
    {"OUT of 513 bytes", out_bytes, 513},
    {"OUT of 4 GiB less a sector", out_bytes, 0xfffffe00},
    {"GET_ID of nothing", id_bytes, 0},
    {"GET_ID of 1 byte", id_bytes, 1},
    {"GET_ID of 19 bytes", id_bytes, 19},
    {"GET_ID of 21 bytes", id_bytes, 21},
    {"GET_ID of 4096 bytes", id_bytes, 4096},
    {"header only", cut_short, 1},
    {"no status", cut_short, 2},
    {"header in single bytes, nothing else", header_in_bytes, VIRTIO_BLK_T_IN},
    {"FLUSH in single bytes without status", header_in_bytes, VIRTIO_BLK_T_FLUSH},
    {"readable status", status_readable, 0},
    {"status in the data's descriptor", status_in_data, 0},
    {"DISCARD of nothing", range, RANGE(VIRTIO_BLK_T_DISCARD, 0, PLAIN)},
    {"DISCARD of 15 bytes", range, RANGE(VIRTIO_BLK_T_DISCARD, 15, PLAIN)},
    {"DISCARD of 17 bytes", range, RANGE(VIRTIO_BLK_T_DISCARD, 17, PLAIN)},
    {"DISCARD of 256 ranges", range, RANGE(VIRTIO_BLK_T_DISCARD, 4096, PLAIN)},
    {"DISCARD of no sectors", range, RANGE(VIRTIO_BLK_T_DISCARD, 16, NO_SECTORS)},
    {"DISCARD of 2 TiB", range, RANGE(VIRTIO_BLK_T_DISCARD, 16, ALL_SECTORS)},
    {"DISCARD far away", range, RANGE(VIRTIO_BLK_T_DISCARD, 16, FAR)},
    {"DISCARD beyond 64 bits", range, RANGE(VIRTIO_BLK_T_DISCARD, 16, OVERFLOWING)},
    {"DISCARD with odd flags", range, RANGE(VIRTIO_BLK_T_DISCARD, 16, ODD_FLAGS)},
    {"DISCARD with UNMAP", range, RANGE(VIRTIO_BLK_T_DISCARD, 16, UNMAP)},
    {"WRITE_ZEROES of nothing", range, RANGE(VIRTIO_BLK_T_WRITE_ZEROES, 0, PLAIN)},
    {"WRITE_ZEROES of 15 bytes", range, RANGE(VIRTIO_BLK_T_WRITE_ZEROES, 15, PLAIN)},
    {"WRITE_ZEROES of 256 ranges", range, RANGE(VIRTIO_BLK_T_WRITE_ZEROES, 4096, PLAIN)},
    {"WRITE_ZEROES of 2 TiB", range, RANGE(VIRTIO_BLK_T_WRITE_ZEROES, 16, ALL_SECTORS)},
    {"WRITE_ZEROES far away", range, RANGE(VIRTIO_BLK_T_WRITE_ZEROES, 16, FAR)},
    {"WRITE_ZEROES beyond 64 bits", range, RANGE(VIRTIO_BLK_T_WRITE_ZEROES, 16, OVERFLOWING)},
    {"WRITE_ZEROES with odd flags", range, RANGE(VIRTIO_BLK_T_WRITE_ZEROES, 16, ODD_FLAGS)},
};
const u32 blk_case_count = ARRAY_SIZE(blk_cases);

/* net: the frame's length, the header's fields. */
static void frame_bytes(struct villain *v, u64 bytes) {
  villain_valid_chain(v);
  v->queue->descriptors[1].length = (u32)bytes;
  raw_offer(v, 0);
}

static void header_bytes(struct villain *v, u64 bytes) {
  villain_valid_chain(v);
  v->queue->descriptors[0].length = (u32)bytes;
  v->queue->descriptors[0].flags = 0;
  raw_offer(v, 0);
}

/* The twelve bytes of the header: flags, gso_type, hdr_len, gso_size in one word, then the rest. */
#define GSO(flags, type, header, size) \
  ((u64)(flags) | (u64)(type) << 8 | (u64)(header) << 16 | (u64)(size) << 32)

static void gso(struct villain *v, u64 parameter) {
  villain_valid_chain(v);
  memcpy(v->readable, &parameter, 6);
  v->queue->descriptors[1].length = 4096;
  raw_offer(v, 0);
}

static void checksum_at(struct villain *v, u64 parameter) {
  struct net_header *header = (struct net_header *)v->readable;
  villain_valid_chain(v);
  header->flags = 1;
  header->csum_start = (u16)(parameter >> 16);
  header->csum_offset = (u16)parameter;
  raw_offer(v, 0);
}

static void many_buffers(struct villain *v, u64 count) {
  villain_valid_chain(v);
  ((struct net_header *)v->readable)->num_buffers = (u16)count;
  raw_offer(v, 0);
}

static void many_frames(struct villain *v, u64 bytes) {
  villain_valid_chain(v);
  v->queue->descriptors[1].length = (u32)bytes;
  volatile struct avail_ring *avail = v->queue->avail;
  avail->index = (u16)(avail->index + VILLAIN_QUEUE_SIZE - 1);
  raw_offer(v, 0);
}

const struct villain_case net_tx_cases[] = {
    {"header only", header_bytes, 12},
    {"header of 1 byte", header_bytes, 1},
    {"header of 10 bytes", header_bytes, 10},
    {"header of 11 bytes", header_bytes, 11},
    {"frame of nothing", frame_bytes, 0},
    {"frame of 1 byte", frame_bytes, 1},
    {"frame of 13 bytes", frame_bytes, 13},
    {"frame of 1515 bytes", frame_bytes, 1515},
    {"frame of 9000 bytes", frame_bytes, 9000},
    {"frame of 64 KiB", frame_bytes, 65536},
    {"frame of 64 KiB and more", frame_bytes, 70000},
    {"frame of 1 MiB", frame_bytes, 1 << 20},
    {"segmentation type 3 of size 0", gso, GSO(0, 1, 54, 0)},
    {"segmentation with size 1", gso, GSO(1, 1, 54, 1)},
    {"segmentation with size 65535", gso, GSO(1, 1, 54, 65535)},
    {"segmentation of an unknown type", gso, GSO(1, 0x7f, 54, 1000)},
    {"segmentation with a header of 65535", gso, GSO(1, 4, 65535, 1000)},
    {"segmentation for UDP, not negotiated", gso, GSO(1, 3, 42, 1000)},
    {"segmentation with congestion marks", gso, GSO(1, 0x81, 54, 1000)},
    {"all header bits", gso, GSO(0xff, 0xff, 0xffff, 0xffff)},
    {"checksum start beyond the frame", checksum_at, 2000u << 16 | 6},
    {"checksum start of 65535", checksum_at, 65535u << 16 | 65535},
    {"checksum offset beyond the frame", checksum_at, 34u << 16 | 2000},
    {"checksum in the last byte", checksum_at, 41u << 16},
    {"checksum start of 0", checksum_at, 0},
    {"num_buffers of 65535", many_buffers, 65535},
    {"a ring full of frames", many_frames, 42},
    {"a ring full of large frames", many_frames, 8000},
};
const u32 net_tx_case_count = ARRAY_SIZE(net_tx_cases);

static void buffer_bytes(struct villain *v, u64 bytes) {
  villain_valid_chain(v);
  v->queue->descriptors[0].length = (u32)bytes;
  raw_offer(v, 0);
}

static void small_buffers(struct villain *v, u64 bytes) {
  for (u32 i = 0; i < VILLAIN_QUEUE_SIZE; i++) {
    raw_descriptor(v, i, (u64)v->writable + 64 * i, (u32)bytes, DESC_F_WRITE, 0);
    v->queue->avail->ring[i] = (u16)i;
  }
  v->queue->avail->index = VILLAIN_QUEUE_SIZE - 1;
  raw_offer(v, VILLAIN_QUEUE_SIZE - 1);
}

static void no_buffers(struct villain *v, u64 frames) {
  for (u64 i = 0; i < frames; i++) {
    villain_provoke_peer(v);
  }
  v->kicked = true;
}

static void readable_buffer(struct villain *v, u64 bytes) {
  raw_descriptor(v, 0, (u64)v->readable, (u32)bytes, 0, 0);
  raw_offer(v, 0);
}

const struct villain_case net_rx_cases[] = {
    {"buffer of 1 byte", buffer_bytes, 1},
    {"buffer of 11 bytes", buffer_bytes, 11},
    {"buffer for the header only", buffer_bytes, 12},
    {"buffer of 13 bytes", buffer_bytes, 13},
    {"buffers of 1 byte", small_buffers, 1},
    {"buffers of 11 bytes", small_buffers, 11},
    {"buffers of 12 bytes", small_buffers, 12},
    {"buffers of 16 bytes", small_buffers, 16},
    {"no buffers for 20 frames", no_buffers, 20},
    {"readable buffer", readable_buffer, 2048},
};
const u32 net_rx_case_count = ARRAY_SIZE(net_rx_cases);
