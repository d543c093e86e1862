/* Malformed descriptor chains, ring indices and indirect tables (virtio 1.2 §2.7). */
#include "bootinfo.h"
#include "memory.h"
#include "random.h"
#include "villain.h"

#define SIZE VILLAIN_QUEUE_SIZE
#define OWN_WINDOW 0xd0000000ull
#define MMIO_GAP 0xc0000000ull
#define RESERVED 0xfed00000ull
#define BEYOND_PHYSICAL (1ull << 52)
#define TOP_PAGE 0xfffffffffffff000ull

/* Stands in tables for addresses known only at run time. */
#define AT_RAM_END 1
#define ACROSS_RAM_END 2

static volatile struct descriptor *descriptor(struct villain *v, u32 index) {
  return &v->queue->descriptors[index];
}

void raw_descriptor(struct villain *v, u32 index, u64 address, u32 length, u16 flags, u16 next) {
  volatile struct descriptor *d = descriptor(v, index);
  d->address = address;
  d->length = length;
  d->flags = flags;
  d->next = next;
}

void raw_kick(struct villain *v) {
  full_fence();
  *virtio_notify_register(v->device) = v->queue_number;
  v->kicked = true;
  if (v->receives) {
    villain_provoke_peer(v);
  }
}

static void make_available(struct villain *v, u16 head) {
  volatile struct avail_ring *avail = v->queue->avail;
  avail->ring[avail->index % SIZE] = head;
  compiler_barrier();
  avail->index++;
}

void raw_offer(struct villain *v, u16 head) {
  make_available(v, head);
  raw_kick(v);
}

static u64 address_of(u64 parameter) {
  return parameter == AT_RAM_END       ? boot_info.ram_end
         : parameter == ACROSS_RAM_END ? boot_info.ram_end - 16
                                       : parameter;
}

static void offer_valid(struct villain *v) {
  villain_valid_chain(v);
  raw_offer(v, 0);
}

/* The data descriptor elsewhere. */
static void data_at(struct villain *v, u64 parameter) {
  villain_valid_chain(v);
  descriptor(v, v->data)->address = address_of(parameter);
  raw_offer(v, 0);
}

static void data_length(struct villain *v, u64 length) {
  villain_valid_chain(v);
  descriptor(v, v->data)->length = (u32)length;
  raw_offer(v, 0);
}

static void first_length(struct villain *v, u64 length) {
  villain_valid_chain(v);
  descriptor(v, 0)->length = (u32)length;
  raw_offer(v, 0);
}

static void last_length(struct villain *v, u64 length) {
  villain_valid_chain(v);
  descriptor(v, v->last)->length = (u32)length;
  raw_offer(v, 0);
}

static void every_length(struct villain *v, u64 length) {
  villain_valid_chain(v);
  for (u32 i = 0; i <= v->last; i++) {
    descriptor(v, i)->length = (u32)length;
  }
  raw_offer(v, 0);
}

static void last_at(struct villain *v, u64 parameter) {
  villain_valid_chain(v);
  descriptor(v, v->last)->address = address_of(parameter);
  raw_offer(v, 0);
}

/* The chain's end points to descriptor number next. */
static void last_continues(struct villain *v, u64 next) {
  villain_valid_chain(v);
  descriptor(v, v->last)->flags |= DESC_F_NEXT;
  descriptor(v, v->last)->next = (u16)next;
  raw_offer(v, 0);
}

static void loop_to_itself(struct villain *v, u64 parameter) {
  (void)parameter;
  villain_valid_chain(v);
  descriptor(v, v->last)->flags |= DESC_F_NEXT;
  descriptor(v, v->last)->next = (u16)v->last;
  raw_offer(v, 0);
}

static void loop_through_all(struct villain *v, u64 flags) {
  for (u32 i = 0; i < SIZE; i++) {
    u8 *zone = flags & DESC_F_WRITE ? v->writable : v->readable;
    raw_descriptor(v, i, (u64)zone + 64 * i, 64, (u16)(flags | DESC_F_NEXT), (u16)((i + 1) % SIZE));
  }
  raw_offer(v, 0);
}

static void long_chain(struct villain *v, u64 length) {
  villain_valid_chain(v);
  u16 flags = descriptor(v, v->data)->flags & DESC_F_WRITE;
  u64 zone = (u64)(flags ? v->writable : v->readable);
  for (u32 i = v->last + 1; i < SIZE; i++) {
    bool more = i + 1 < SIZE;
    raw_descriptor(v, i, zone, (u32)length, (u16)(flags | (more ? DESC_F_NEXT : 0)), (u16)(i + 1));
  }
  descriptor(v, v->last)->flags |= DESC_F_NEXT;
  descriptor(v, v->last)->next = (u16)(v->last + 1);
  raw_offer(v, 0);
}

static void offer_head(struct villain *v, u64 head) {
  villain_valid_chain(v);
  raw_offer(v, (u16)head);
}

static void jump_index(struct villain *v, u64 distance) {
  villain_valid_chain(v);
  v->queue->avail->index = (u16)(v->queue->avail->index + distance);
  raw_kick(v);
}

static void jump_after_request(struct villain *v, u64 distance) {
  offer_valid(v);
  jump_index(v, distance);
}

static void data_flags(struct villain *v, u64 flags) {
  villain_valid_chain(v);
  descriptor(v, v->data)->flags ^= (u16)flags;
  raw_offer(v, 0);
}

static void every_flags(struct villain *v, u64 flags) {
  villain_valid_chain(v);
  for (u32 i = 0; i <= v->last; i++) {
    descriptor(v, i)->flags ^= (u16)flags;
  }
  raw_offer(v, 0);
}

static void wrong_order(struct villain *v, u64 parameter) {
  (void)parameter;
  raw_descriptor(v, 0, (u64)v->writable, 512, DESC_F_NEXT | DESC_F_WRITE, 1);
  raw_descriptor(v, 1, (u64)v->readable, 512, DESC_F_NEXT, 2);
  raw_descriptor(v, 2, (u64)v->writable + 512, 512, DESC_F_WRITE, 0);
  raw_offer(v, 0);
}

static void same_head_twice(struct villain *v, u64 times) {
  villain_valid_chain(v);
  for (u64 i = 0; i < times; i++) {
    make_available(v, 0);
  }
  raw_kick(v);
}

/* Several heads whose chains end in the same descriptors. */
static void shared_tail(struct villain *v, u64 parameter) {
  (void)parameter;
  villain_valid_chain(v);
  for (u32 i = v->last + 1; i < SIZE; i++) {
    volatile struct descriptor *first = descriptor(v, 0);
    raw_descriptor(v, i, first->address, first->length, first->flags, first->next);
    make_available(v, (u16)i);
  }
  raw_kick(v);
}

/* Data in the queue's own memory: 0 descriptor table, 1 available ring, 2 used ring. */
static void data_in_ring(struct villain *v, u64 which) {
  villain_valid_chain(v);
  volatile void *rings[] = {v->queue->descriptors, v->queue->avail, v->queue->used};
  descriptor(v, v->data)->address = (u64)rings[which];
  descriptor(v, v->data)->length = 36;
  raw_offer(v, 0);
}

static void same_buffer_everywhere(struct villain *v, u64 parameter) {
  (void)parameter;
  villain_valid_chain(v);
  for (u32 i = 0; i <= v->last; i++) {
    descriptor(v, i)->address = (u64)v->writable;
  }
  memset(v->writable, 0, 64);
  raw_offer(v, 0);
}

static void used_ring_scribbled(struct villain *v, u64 value) {
  villain_valid_chain(v);
  memset((void *)(u64)v->queue->used, (int)value, 4 + 8 * SIZE + 2);
  raw_offer(v, 0);
}

static void avail_flags(struct villain *v, u64 value) {
  villain_valid_chain(v);
  v->queue->avail->flags = (u16)value;
  raw_offer(v, 0);
}

static void used_event(struct villain *v, u64 value) {
  villain_valid_chain(v);
  v->queue->avail->ring[SIZE] = (u16)value;
  raw_offer(v, 0);
}

static void kick_idle(struct villain *v, u64 times) {
  for (u64 i = 0; i < times; i++) {
    *virtio_notify_register(v->device) = v->queue_number;
  }
}

static void kick_wrong_queue(struct villain *v, u64 number) {
  villain_valid_chain(v);
  make_available(v, 0);
  *virtio_notify_register(v->device) = (u32)number;
  v->kicked = true;
}

static void reset_in_flight(struct villain *v, u64 parameter) {
  (void)parameter;
  offer_valid(v);
  virtio_reset(v->device);
}

static void disable_in_flight(struct villain *v, u64 parameter) {
  (void)parameter;
  offer_valid(v);
  virtio_write(v->device, REG_QUEUE_SEL, v->queue_number);
  virtio_write(v->device, REG_QUEUE_READY, 0);
  raw_offer(v, 0);
}

/* Rewrites a chain again and again while the device may be reading it. */
static void change_while_served(struct villain *v, u64 field) {
  villain_valid_chain(v);
  volatile struct descriptor *d = descriptor(v, v->data);
  struct descriptor good = *d;
  for (u32 i = 0; i < 50; i++) {
    raw_offer(v, 0);
    for (u32 j = 0; j < 2000; j++) {
      bool bad = j % 2 == 0;
      v->exposed = v->exposed || field == 2;
      switch (field) {
        case 0:
          d->address = bad ? TOP_PAGE : good.address;
          break;
        case 1:
          d->length = bad ? UINT32_MAX : good.length;
          break;
        case 2:
          d->flags = bad ? good.flags ^ DESC_F_WRITE : good.flags;
          break;
        case 3:
          d->flags = bad ? DESC_F_NEXT : good.flags;
          d->next = bad ? UINT16_MAX : good.next;
          break;
        default:
          v->queue->avail->ring[i % SIZE] = bad ? UINT16_MAX : 0;
      }
      compiler_barrier();
    }
  }
}

/* The valid chain moved into an indirect table, entry 0 on; returns the table. */
static struct descriptor *valid_table(struct villain *v, u32 *bytes) {
  struct descriptor *table = (struct descriptor *)(v->readable + ZONE_BYTES / 2);
  villain_valid_chain(v);
  for (u32 i = 0; i <= v->last; i++) {
    table[i] = *descriptor(v, i);
  }
  *bytes = (v->last + 1) * (u32)sizeof *table;
  return table;
}

static void offer_table(struct villain *v, void *table, u32 bytes, u16 more_flags, u16 next) {
  raw_descriptor(v, 0, (u64)table, bytes, (u16)(DESC_F_INDIRECT | more_flags), next);
  raw_offer(v, 0);
}

static void indirect_without_feature(struct villain *v, u64 parameter) {
  (void)parameter;
  if (!villain_start_device(v, VIRTIO_F_INDIRECT_DESC)) {
    return;
  }
  u32 bytes;
  struct descriptor *table = valid_table(v, &bytes);
  offer_table(v, table, bytes, 0, 0);
}

static void indirect_flags(struct villain *v, u64 flags) {
  u32 bytes;
  struct descriptor *table = valid_table(v, &bytes);
  raw_descriptor(v, 1, (u64)v->writable, 64, DESC_F_WRITE, 0);
  offer_table(v, table, bytes, (u16)flags, 1);
}

static void indirect_length(struct villain *v, u64 length) {
  u32 bytes;
  struct descriptor *table = valid_table(v, &bytes);
  offer_table(v, table, (u32)length, 0, 0);
}

static void indirect_at(struct villain *v, u64 parameter) {
  offer_table(v, (void *)address_of(parameter), 48, 0, 0);
}

static void indirect_nested(struct villain *v, u64 parameter) {
  (void)parameter;
  u32 bytes;
  struct descriptor *table = valid_table(v, &bytes);
  struct descriptor *outer = table + 32;
  outer[0] = (struct descriptor){(u64)table, bytes, DESC_F_INDIRECT, 0};
  offer_table(v, outer, sizeof *outer, 0, 0);
}

static void indirect_in_itself(struct villain *v, u64 parameter) {
  (void)parameter;
  u32 bytes;
  struct descriptor *table = valid_table(v, &bytes);
  table[0] = (struct descriptor){(u64)table, bytes, DESC_F_INDIRECT, 0};
  offer_table(v, table, bytes, 0, 0);
}

static void indirect_next(struct villain *v, u64 next) {
  u32 bytes;
  struct descriptor *table = valid_table(v, &bytes);
  table[v->last].flags |= DESC_F_NEXT;
  table[v->last].next = (u16)next;
  offer_table(v, table, bytes, 0, 0);
}

static void indirect_zero_entries(struct villain *v, u64 count) {
  struct descriptor *table = (struct descriptor *)(v->readable + ZONE_BYTES / 2);
  memset(table, 0, count * sizeof *table);
  for (u32 i = 0; i + 1 < count; i++) {
    table[i].flags = DESC_F_NEXT;
    table[i].next = (u16)(i + 1);
  }
  offer_table(v, table, (u32)(count * sizeof *table), 0, 0);
}

/* Far more segments than any device allows, each a valid byte. */
static void indirect_many(struct villain *v, u64 count) {
  u32 bytes = (u32)(count * sizeof(struct descriptor));
  struct descriptor *table = memory_get(bytes, 16);
  u16 flags = v->receives || v->queue_number == 0 ? DESC_F_WRITE : 0;
  for (u32 i = 0; i < count; i++) {
    bool more = i + 1 < count;
    table[i] = (struct descriptor){(u64)(flags ? v->writable : v->readable) + i % 1024, 1,
                                   (u16)(flags | (more ? DESC_F_NEXT : 0)), (u16)(i + 1)};
  }
  offer_table(v, table, bytes, 0, 0);
}

static void indirect_late(struct villain *v, u64 parameter) {
  (void)parameter;
  u32 bytes;
  struct descriptor *table = valid_table(v, &bytes);
  raw_descriptor(v, 0, (u64)v->readable, 16, DESC_F_NEXT, 1);
  raw_descriptor(v, 1, (u64)table, bytes, DESC_F_INDIRECT, 0);
  raw_offer(v, 0);
}

static const u64 odd_addresses[] = {0,          64,       AT_RAM_END, ACROSS_RAM_END, MMIO_GAP,
                                    OWN_WINDOW, RESERVED, TOP_PAGE,   UINT64_MAX,
                                    BEYOND_PHYSICAL};
static const u32 odd_lengths[] = {0, 1, 15, 512, 4096, 65536, 0x7fffffff, 0x80000000, UINT32_MAX};

void villain_random_chain(struct villain *v, u64 seed) {
  struct random random = {seed};
  villain_valid_chain(v);
  u32 changes = 1 + (u32)(random_next(&random) % 6);
  for (u32 i = 0; i < changes; i++) {
    volatile struct descriptor *d = descriptor(v, (u32)(random_next(&random) % SIZE));
    u64 choice = random_next(&random);
    switch (random_next(&random) % 6) {
      case 0:
        d->address = address_of(odd_addresses[choice % ARRAY_SIZE(odd_addresses)]);
        break;
      case 1:
        d->length = odd_lengths[choice % ARRAY_SIZE(odd_lengths)];
        break;
      case 2:
        d->flags = (u16)(choice % 8);
        break;
      case 3:
        d->next = (u16)(choice % (SIZE + 2));
        break;
      case 4:
        d->address = (u64)v->writable + choice % ZONE_BYTES / 2;
        d->flags |= DESC_F_WRITE;
        d->length = (u32)(choice >> 32) % (ZONE_BYTES / 2);
        break;
      default:
        make_available(v, (u16)(choice % (SIZE + 1)));
    }
  }
  raw_offer(v, 0);
}

const struct villain_case chain_cases[] = {
    {"data in low memory", data_at, 64},
    {"data at the end of RAM", data_at, AT_RAM_END},
    {"data across the end of RAM", data_at, ACROSS_RAM_END},
    {"data in the MMIO gap", data_at, MMIO_GAP},
    {"data in the device's own registers", data_at, OWN_WINDOW},
    {"data in reserved addresses", data_at, RESERVED},
    {"data beyond physical addresses", data_at, BEYOND_PHYSICAL},
    {"data in the last page of 64 bits", data_at, TOP_PAGE},
    {"data at the last byte of 64 bits", data_at, UINT64_MAX},
    {"data of no length", data_length, 0},
    {"data of one byte", data_length, 1},
    {"data of 511 bytes", data_length, 511},
    {"data of 2 GiB less a byte", data_length, 0x7fffffff},
    {"data of 2 GiB", data_length, 0x80000000},
    {"data of 4 GiB less a byte", data_length, UINT32_MAX},
    {"first descriptor of no length", first_length, 0},
    {"first descriptor of one byte", first_length, 1},
    {"first descriptor of 4 GiB less a byte", first_length, UINT32_MAX},
    {"last descriptor of no length", last_length, 0},
    {"last descriptor of 4 GiB less a byte", last_length, UINT32_MAX},
    {"last descriptor beyond RAM", last_at, AT_RAM_END},
    {"last descriptor beyond 64 bits", last_at, UINT64_MAX},
    {"every descriptor of no length", every_length, 0},
    {"every descriptor of 2 GiB", every_length, 0x80000000},
    {"every descriptor of 4 GiB less a byte", every_length, UINT32_MAX},
    {"chain back to its head", last_continues, 0},
    {"chain on to itself", loop_to_itself, 0},
    {"chain on to descriptor size", last_continues, SIZE},
    {"chain on to descriptor 65535", last_continues, UINT16_MAX},
    {"chain on to an empty descriptor", last_continues, SIZE - 1},
    {"endless readable chain", loop_through_all, 0},
    {"endless writable chain", loop_through_all, DESC_F_WRITE},
    {"chain as long as the ring", long_chain, 64},
    {"chain as long as the ring, 2 GiB each", long_chain, 0x80000000},
    {"chain as long as the ring, 4 GiB each", long_chain, UINT32_MAX},
    {"chain as long as the ring, nothing each", long_chain, 0},
    {"head beyond the ring", offer_head, SIZE},
    {"head 65535", offer_head, UINT16_MAX},
    {"head in the middle of a chain", offer_head, 1},
    {"head of nothing", offer_head, SIZE - 1},
    {"index one beyond the ring", jump_index, SIZE + 1},
    {"index half around", jump_index, 0x8000},
    {"index backwards", jump_index, UINT16_MAX},
    {"index backwards after a request", jump_after_request, UINT16_MAX},
    {"index far ahead after a request", jump_after_request, 0x7fff},
    {"data direction reversed", data_flags, DESC_F_WRITE},
    {"data marked indirect", data_flags, DESC_F_INDIRECT},
    {"data with unknown flags", data_flags, 0xfff8},
    {"every direction reversed", every_flags, DESC_F_WRITE},
    {"every descriptor marked indirect", every_flags, DESC_F_INDIRECT},
    {"every descriptor unchained", every_flags, DESC_F_NEXT},
    {"every flag reversed", every_flags, UINT16_MAX},
    {"readable after writable", wrong_order, 0},
    {"one head twice", same_head_twice, 2},
    {"one head around the ring", same_head_twice, SIZE},
    {"one head more than fits", same_head_twice, SIZE + 5},
    {"chains that share their end", shared_tail, 0},
    {"data in the descriptor table", data_in_ring, 0},
    {"data in the available ring", data_in_ring, 1},
    {"data in the used ring", data_in_ring, 2},
    {"one buffer for every descriptor", same_buffer_everywhere, 0},
    {"used ring filled with 0xff", used_ring_scribbled, 0xff},
    {"used ring filled with 0x55", used_ring_scribbled, 0x55},
    {"all available flags", avail_flags, UINT16_MAX},
    {"used_event far away", used_event, 0x8000},
    {"used_event just behind", used_event, UINT16_MAX},
    {"a hundred kicks for nothing", kick_idle, 100},
    {"kick of queue 7", kick_wrong_queue, 7},
    {"kick of queue 65535", kick_wrong_queue, UINT16_MAX},
    {"kick of queue 65536", kick_wrong_queue, 0x10000},
    {"kick of queue 4294967295", kick_wrong_queue, UINT32_MAX},
    {"reset with a request in flight", reset_in_flight, 0},
    {"queue disabled with a request in flight", disable_in_flight, 0},
    {"address changed while served", change_while_served, 0},
    {"length changed while served", change_while_served, 1},
    {"direction changed while served", change_while_served, 2},
    {"chain changed while served", change_while_served, 3},
    {"available entry changed while served", change_while_served, 4},
    {"indirect table not negotiated", indirect_without_feature, 0},
    {"indirect and chained", indirect_flags, DESC_F_NEXT},
    {"indirect and writable", indirect_flags, DESC_F_WRITE},
    {"indirect, chained and writable", indirect_flags, DESC_F_NEXT | DESC_F_WRITE},
    {"indirect table of no length", indirect_length, 0},
    {"indirect table of one byte", indirect_length, 1},
    {"indirect table of 15 bytes", indirect_length, 15},
    {"indirect table of 17 bytes", indirect_length, 17},
    {"indirect table shorter than its chain", indirect_length, 16},
    {"indirect table of 4 GiB less 16", indirect_length, 0xfffffff0},
    {"indirect table of 1 MiB", indirect_length, 0x100000},
    {"indirect table at 0", indirect_at, 0},
    {"indirect table at the end of RAM", indirect_at, AT_RAM_END},
    {"indirect table across the end of RAM", indirect_at, ACROSS_RAM_END},
    {"indirect table in the device's registers", indirect_at, OWN_WINDOW},
    {"indirect table in the last page of 64 bits", indirect_at, TOP_PAGE},
    {"indirect table in an indirect table", indirect_nested, 0},
    {"indirect table in itself", indirect_in_itself, 0},
    {"indirect chain back to its head", indirect_next, 0},
    {"indirect chain beyond its table", indirect_next, 100},
    {"indirect chain to entry 65535", indirect_next, UINT16_MAX},
    {"indirect table of one empty entry", indirect_zero_entries, 1},
    {"indirect table of 64 empty entries", indirect_zero_entries, 64},
    {"indirect chain of 1000", indirect_many, 1000},
    {"indirect chain of 65536", indirect_many, 65536},
    {"indirect table not at the head", indirect_late, 0},
};
const u32 chain_case_count = ARRAY_SIZE(chain_cases);
