/* Block requests that are wrong in themselves (virtio 1.2 §5.2.6). */
#include "blk.h"
#include "villain.h"

static struct blk_header *header_of(struct villain *v) {
  return (struct blk_header *)v->readable;
}

/* Another type in the header of a request to read, and of one to write. */
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
