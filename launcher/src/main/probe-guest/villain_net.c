/* Frames, headers and receive buffers that are wrong in themselves (virtio 1.2 §5.1.6). */
#include "net.h"
#include "villain.h"

/* The frame's length, the header's fields. */
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
    {"segmentation of size 0", gso, GSO(0, 1, 54, 0)},
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
