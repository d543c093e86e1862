/* Registers in the wrong order, with wrong values, at the wrong time (virtio 1.2 §3.1, §4.2). */
#include "bootinfo.h"
#include "villain.h"

#define QUEUE_RESET 0x0c0
#define SHM_SELECT 0x0ac
#define FEATURES_READY (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK)
#define ALL_READY (FEATURES_READY | STATUS_DRIVER_OK)

/* Which ring, in the upper half of a parameter; where, in the lower. */
#define RING(ring, where) ((u64)(ring) << 32 | (where))
#define DESC 0
#define DRIVER 1
#define DEVICE 2

enum place {
  AT_0,
  AT_RAM_END,
  BEFORE_RAM_END,
  IN_GAP,
  IN_OWN_WINDOW,
  IN_RESERVED,
  BEYOND,
  LAST_PAGE,
  TOP
};

static const u32 ring_register[] = {REG_QUEUE_DESC_LOW, REG_QUEUE_DRIVER_LOW, REG_QUEUE_DEVICE_LOW};

static void status(struct villain *v, u64 value) {
  virtio_write(v->device, REG_STATUS, (u32)value);
}

static void features(struct villain *v, u64 value) {
  virtio_write(v->device, REG_DRIVER_FEATURES_SEL, 0);
  virtio_write(v->device, REG_DRIVER_FEATURES, (u32)value);
  virtio_write(v->device, REG_DRIVER_FEATURES_SEL, 1);
  virtio_write(v->device, REG_DRIVER_FEATURES, (u32)(value >> 32));
}

static void negotiate(struct villain *v) {
  status(v, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
  features(v, virtio_offered_features(v->device) & v->features);
  status(v, FEATURES_READY);
}

static void ring_address(struct villain *v, u32 reg, u64 address) {
  virtio_write(v->device, reg, (u32)address);
  virtio_write(v->device, reg + 4, (u32)(address >> 32));
}

static u64 valid_ring(struct villain *v, u32 ring) {
  return ring == DESC     ? (u64)v->queue->descriptors
         : ring == DRIVER ? (u64)v->queue->avail
                          : (u64)v->queue->used;
}

static void queue_values(struct villain *v, u32 size, u64 desc, u64 driver, u64 device) {
  virtio_write(v->device, REG_QUEUE_SEL, v->queue_number);
  virtio_write(v->device, REG_QUEUE_NUM, size);
  ring_address(v, REG_QUEUE_DESC_LOW, desc);
  ring_address(v, REG_QUEUE_DRIVER_LOW, driver);
  ring_address(v, REG_QUEUE_DEVICE_LOW, device);
}

static void queue_ready(struct villain *v, u32 value) {
  virtio_write(v->device, REG_QUEUE_SEL, v->queue_number);
  virtio_write(v->device, REG_QUEUE_READY, value);
}

static void valid_queue(struct villain *v) {
  queue_values(v, VILLAIN_QUEUE_SIZE, valid_ring(v, DESC), valid_ring(v, DRIVER),
               valid_ring(v, DEVICE));
  queue_ready(v, 1);
}

/* A valid request, whatever the device now makes of it. */
static void request(struct villain *v) {
  villain_valid_chain(v);
  v->queue->avail->ring[0] = 0;
  v->queue->avail->index = 1;
  full_fence();
  virtio_write(v->device, REG_QUEUE_NOTIFY, v->queue_number);
  v->kicked = true;
}

static void start(struct villain *v) {
  status(v, ALL_READY);
  request(v);
}

static void notify_cold(struct villain *v, u64 queue) {
  virtio_write(v->device, REG_QUEUE_NOTIFY, (u32)queue);
}

static void status_only(struct villain *v, u64 value) {
  status(v, value);
  request(v);
}

static void status_walk(struct villain *v, u64 parameter) {
  (void)parameter;
  for (u32 i = 0; i < 256; i += 3) {
    status(v, i);
  }
}

static void status_backwards(struct villain *v, u64 value) {
  negotiate(v);
  valid_queue(v);
  start(v);
  status(v, value);
  request(v);
}

static void status_twice(struct villain *v, u64 parameter) {
  (void)parameter;
  negotiate(v);
  valid_queue(v);
  for (u32 i = 0; i < 20; i++) {
    status(v, ALL_READY);
  }
  request(v);
}

static void needs_reset_by_driver(struct villain *v, u64 bits) {
  negotiate(v);
  valid_queue(v);
  status(v, ALL_READY | bits);
  request(v);
}

static void features_exactly(struct villain *v, u64 value) {
  status(v, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
  features(v, value);
  status(v, FEATURES_READY);
  valid_queue(v);
  start(v);
}

static void features_offered_but(struct villain *v, u64 without) {
  features_exactly(v, virtio_offered_features(v->device) & ~without);
}

static void features_early(struct villain *v, u64 parameter) {
  (void)parameter;
  features(v, UINT64_MAX);
  negotiate(v);
  valid_queue(v);
  start(v);
}

static void features_late(struct villain *v, u64 parameter) {
  (void)parameter;
  negotiate(v);
  features(v, UINT64_MAX);
  valid_queue(v);
  start(v);
  features(v, 0);
  request(v);
}

static void feature_word(struct villain *v, u64 word) {
  status(v, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
  virtio_write(v->device, REG_DEVICE_FEATURES_SEL, (u32)word);
  virtio_read(v->device, REG_DEVICE_FEATURES);
  virtio_write(v->device, REG_DRIVER_FEATURES_SEL, (u32)word);
  virtio_write(v->device, REG_DRIVER_FEATURES, UINT32_MAX);
  status(v, FEATURES_READY);
}

static void no_features_step(struct villain *v, u64 parameter) {
  (void)parameter;
  status(v, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
  valid_queue(v);
  status(v, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK);
  request(v);
}

static void queue_before_status(struct villain *v, u64 parameter) {
  (void)parameter;
  valid_queue(v);
  negotiate(v);
  start(v);
}

static void queue_after_start(struct villain *v, u64 parameter) {
  (void)parameter;
  negotiate(v);
  status(v, ALL_READY);
  valid_queue(v);
  request(v);
}

static void no_queue(struct villain *v, u64 parameter) {
  (void)parameter;
  negotiate(v);
  start(v);
}

static void queue_size(struct villain *v, u64 size) {
  negotiate(v);
  queue_values(v, (u32)size, valid_ring(v, DESC), valid_ring(v, DRIVER), valid_ring(v, DEVICE));
  queue_ready(v, 1);
  start(v);
}

static void queue_size_beyond_max(struct villain *v, u64 factor) {
  virtio_write(v->device, REG_QUEUE_SEL, v->queue_number);
  u32 max = virtio_read(v->device, REG_QUEUE_NUM_MAX);
  queue_size(v, factor == 1 ? max + 1 : max * factor);
}

static void queue_select(struct villain *v, u64 queue) {
  negotiate(v);
  virtio_write(v->device, REG_QUEUE_SEL, (u32)queue);
  virtio_read(v->device, REG_QUEUE_NUM_MAX);
  virtio_write(v->device, REG_QUEUE_NUM, VILLAIN_QUEUE_SIZE);
  ring_address(v, REG_QUEUE_DESC_LOW, valid_ring(v, DESC));
  ring_address(v, REG_QUEUE_DRIVER_LOW, valid_ring(v, DRIVER));
  ring_address(v, REG_QUEUE_DEVICE_LOW, valid_ring(v, DEVICE));
  virtio_write(v->device, REG_QUEUE_READY, 1);
  status(v, ALL_READY);
  virtio_write(v->device, REG_QUEUE_NOTIFY, (u32)queue);
}

static u64 place_address(struct villain *v, u32 place) {
  switch (place) {
    case AT_0:
      return 0;
    case AT_RAM_END:
      return boot_info.ram_end;
    case BEFORE_RAM_END:
      return boot_info.ram_end - 16;
    case IN_GAP:
      return 0xc0000000;
    case IN_OWN_WINDOW:
      return v->device->base;
    case IN_RESERVED:
      return 0xfed00000;
    case BEYOND:
      return 1ull << 52;
    case LAST_PAGE:
      return 0xfffffffffffff000;
    default:
      return 0xfffffffffffffff0;
  }
}

static void ring_at(struct villain *v, u64 parameter) {
  u32 ring = (u32)(parameter >> 32);
  negotiate(v);
  queue_values(v, VILLAIN_QUEUE_SIZE, valid_ring(v, DESC), valid_ring(v, DRIVER),
               valid_ring(v, DEVICE));
  ring_address(v, ring_register[ring], place_address(v, (u32)parameter));
  queue_ready(v, 1);
  start(v);
}

static void ring_misaligned(struct villain *v, u64 parameter) {
  u32 ring = (u32)(parameter >> 32);
  negotiate(v);
  queue_values(v, VILLAIN_QUEUE_SIZE, valid_ring(v, DESC), valid_ring(v, DRIVER),
               valid_ring(v, DEVICE));
  ring_address(v, ring_register[ring], valid_ring(v, ring) + (u32)parameter);
  queue_ready(v, 1);
  start(v);
}

/* The second ring where the first is, moved by some bytes: first, second, bytes in 16 bits each. */
static void rings_overlap(struct villain *v, u64 parameter) {
  u32 first = parameter >> 32 & 0xff;
  u32 second = parameter >> 16 & 0xff;
  negotiate(v);
  queue_values(v, VILLAIN_QUEUE_SIZE, valid_ring(v, DESC), valid_ring(v, DRIVER),
               valid_ring(v, DEVICE));
  ring_address(v, ring_register[second], valid_ring(v, first) + (parameter & 0xffff));
  queue_ready(v, 1);
  start(v);
}
#define OVERLAP(first, second, bytes) ((u64)(first) << 32 | (second) << 16 | (bytes))

static void all_rings_at_one_place(struct villain *v, u64 parameter) {
  (void)parameter;
  u64 place = valid_ring(v, DESC);
  negotiate(v);
  queue_values(v, VILLAIN_QUEUE_SIZE, place, place, place);
  queue_ready(v, 1);
  start(v);
}

static void queues_share_rings(struct villain *v, u64 parameter) {
  (void)parameter;
  negotiate(v);
  u32 own = v->queue_number;
  for (v->queue_number = 0; v->queue_number < QUEUES_MAX; v->queue_number++) {
    valid_queue(v);
  }
  v->queue_number = own;
  start(v);
}

static void ready_value(struct villain *v, u64 value) {
  negotiate(v);
  queue_values(v, VILLAIN_QUEUE_SIZE, valid_ring(v, DESC), valid_ring(v, DRIVER),
               valid_ring(v, DEVICE));
  queue_ready(v, (u32)value);
  start(v);
}

static void ready_withdrawn(struct villain *v, u64 parameter) {
  (void)parameter;
  negotiate(v);
  valid_queue(v);
  queue_ready(v, 0);
  start(v);
}

static void ready_toggled(struct villain *v, u64 times) {
  negotiate(v);
  valid_queue(v);
  start(v);
  for (u64 i = 0; i < times; i++) {
    queue_ready(v, 0);
    queue_ready(v, 1);
  }
  request(v);
}

static void changed_while_ready(struct villain *v, u64 parameter) {
  (void)parameter;
  negotiate(v);
  valid_queue(v);
  queue_values(v, 8, place_address(v, LAST_PAGE), place_address(v, IN_GAP), place_address(v, AT_0));
  start(v);
}

static void changed_while_running(struct villain *v, u64 parameter) {
  (void)parameter;
  negotiate(v);
  valid_queue(v);
  start(v);
  queue_values(v, 4, place_address(v, LAST_PAGE), place_address(v, IN_GAP), place_address(v, AT_0));
  request(v);
}

static void legacy_registers(struct villain *v, u64 parameter) {
  (void)parameter;
  virtio_write(v->device, 0x028, 4096);
  virtio_write(v->device, REG_QUEUE_SEL, v->queue_number);
  virtio_write(v->device, REG_QUEUE_NUM, VILLAIN_QUEUE_SIZE);
  virtio_write(v->device, 0x03c, 4096);
  virtio_write(v->device, 0x040, (u32)(valid_ring(v, DESC) >> 12));
  start(v);
}

static void queue_reset_register(struct villain *v, u64 value) {
  negotiate(v);
  valid_queue(v);
  start(v);
  virtio_write(v->device, REG_QUEUE_SEL, v->queue_number);
  virtio_write(v->device, QUEUE_RESET, (u32)value);
  virtio_read(v->device, QUEUE_RESET);
  request(v);
}

static void shared_memory_registers(struct villain *v, u64 id) {
  virtio_write(v->device, SHM_SELECT, (u32)id);
  for (u32 reg = 0x0b0; reg < 0x0c0; reg += 4) {
    virtio_read(v->device, reg);
  }
}

/* Every register that only the device may change, and every hole. */
static void write_read_only(struct villain *v, u64 value) {
  for (u32 reg = 0; reg < REG_CONFIG; reg += 4) {
    bool writable = reg == REG_DEVICE_FEATURES_SEL ||
                    (reg >= REG_DRIVER_FEATURES && reg <= REG_QUEUE_SEL) ||
                    (reg >= REG_QUEUE_NUM && reg <= REG_QUEUE_NOTIFY) || reg == REG_STATUS ||
                    (reg >= REG_QUEUE_DESC_LOW && reg <= REG_QUEUE_DEVICE_LOW + 4) ||
                    reg == REG_INTERRUPT_ACK;
    if (!writable) {
      virtio_write(v->device, reg, (u32)value);
    }
  }
}

static void write_everything(struct villain *v, u64 value) {
  for (u32 reg = 0; reg < REG_CONFIG; reg += 4) {
    virtio_write(v->device, reg, (u32)value);
  }
}

static void read_with(struct villain *v, u64 width) {
  for (u64 at = 0; at + width <= v->device->size && at < 0x200; at += width) {
    volatile void *reg = (volatile void *)(v->device->base + at);
    switch (width) {
      case 1:
        (void)*(volatile u8 *)reg;
        break;
      case 2:
        (void)*(volatile u16 *)reg;
        break;
      default:
        (void)*(volatile u64 *)reg;
    }
  }
}

static void read_askew(struct villain *v, u64 parameter) {
  (void)parameter;
  for (u64 at = 1; at + 4 <= 0x120; at += 7) {
    (void)*(volatile u32 *)(v->device->base + at);
  }
}

static void write_with(struct villain *v, u64 width) {
  for (u64 at = 0; at < 0x180; at += width) {
    volatile void *reg = (volatile void *)(v->device->base + at);
    switch (width) {
      case 1:
        *(volatile u8 *)reg = 0xff;
        break;
      case 2:
        *(volatile u16 *)reg = 0xffff;
        break;
      default:
        *(volatile u64 *)reg = UINT64_MAX;
    }
  }
}

static void write_askew(struct villain *v, u64 parameter) {
  (void)parameter;
  for (u64 at = 1; at + 4 <= 0x120; at += 7) {
    *(volatile u32 *)(v->device->base + at) = UINT32_MAX;
  }
}

static void write_config(struct villain *v, u64 running) {
  if (running) {
    negotiate(v);
    valid_queue(v);
    start(v);
  }
  for (u64 at = REG_CONFIG; at < MIN(v->device->size, 0x200ull); at++) {
    *(volatile u8 *)(v->device->base + at) = 0xff;
  }
}

static void config_far(struct villain *v, u64 parameter) {
  (void)parameter;
  for (u64 at = REG_CONFIG; at + 4 <= v->device->size; at += 64) {
    virtio_read(v->device, (u32)at);
    virtio_write(v->device, (u32)at, UINT32_MAX);
  }
  virtio_read(v->device, (u32)v->device->size - 4);
}

static void acknowledge(struct villain *v, u64 running) {
  if (running) {
    negotiate(v);
    valid_queue(v);
    start(v);
  }
  virtio_write(v->device, REG_INTERRUPT_ACK, UINT32_MAX);
  virtio_write(v->device, REG_INTERRUPT_STATUS, UINT32_MAX);
  virtio_write(v->device, REG_INTERRUPT_ACK, 0);
}

static void reset_storm(struct villain *v, u64 times) {
  for (u64 i = 0; i < times; i++) {
    status(v, 0);
  }
}

static void reset_storm_running(struct villain *v, u64 times) {
  for (u64 i = 0; i < times; i++) {
    negotiate(v);
    valid_queue(v);
    start(v);
    status(v, 0);
    v->queue->avail->index = 0;
    v->queue->used->index = 0;
  }
}

static void reset_halfway(struct villain *v, u64 stage) {
  status(v, STATUS_ACKNOWLEDGE);
  if (stage > 0) {
    negotiate(v);
  }
  if (stage > 1) {
    valid_queue(v);
  }
  if (stage > 2) {
    status(v, ALL_READY);
  }
  status(v, 0);
  request(v);
}

static void kick_storm(struct villain *v, u64 times) {
  negotiate(v);
  valid_queue(v);
  start(v);
  for (u64 i = 0; i < times; i++) {
    virtio_write(v->device, REG_QUEUE_NOTIFY, (u32)(i % 5));
  }
}

const struct villain_case transport_cases[] = {
    {"kick before anything", notify_cold, 0},
    {"kick of queue 1000 before anything", notify_cold, 1000},
    {"kick of queue 4294967295 before anything", notify_cold, UINT32_MAX},
    {"DRIVER_OK at once", status_only, STATUS_DRIVER_OK},
    {"FEATURES_OK at once", status_only, STATUS_FEATURES_OK},
    {"every step at once", status_only, ALL_READY},
    {"FAILED at once", status_only, STATUS_FAILED},
    {"NEEDS_RESET at once", status_only, STATUS_NEEDS_RESET},
    {"all status bits", status_only, 0xff},
    {"status of 32 bits", status_only, UINT32_MAX},
    {"reserved status bits", status_only, 0x30},
    {"many status values", status_walk, 0},
    {"status back to ACKNOWLEDGE", status_backwards, STATUS_ACKNOWLEDGE},
    {"status back to DRIVER", status_backwards, STATUS_ACKNOWLEDGE | STATUS_DRIVER},
    {"status back to FEATURES_OK", status_backwards, FEATURES_READY},
    {"status back to DRIVER_OK alone", status_backwards, STATUS_DRIVER_OK},
    {"DRIVER_OK twenty times", status_twice, 0},
    {"NEEDS_RESET by the driver", needs_reset_by_driver, STATUS_NEEDS_RESET},
    {"FAILED by the driver", needs_reset_by_driver, STATUS_FAILED},
    {"no features", features_exactly, 0},
    {"all features", features_exactly, UINT64_MAX},
    {"only VERSION_1", features_exactly, VIRTIO_F_VERSION_1},
    {"all offered features", features_offered_but, 0},
    {"no VERSION_1", features_offered_but, VIRTIO_F_VERSION_1},
    {"no EVENT_IDX", features_offered_but, VIRTIO_F_EVENT_IDX},
    {"no INDIRECT_DESC", features_offered_but, VIRTIO_F_INDIRECT_DESC},
    {"features before ACKNOWLEDGE", features_early, 0},
    {"features after FEATURES_OK", features_late, 0},
    {"feature word 2", feature_word, 2},
    {"feature word 2147483648", feature_word, 0x80000000},
    {"feature word 4294967295", feature_word, UINT32_MAX},
    {"no FEATURES_OK", no_features_step, 0},
    {"queue before status", queue_before_status, 0},
    {"queue after DRIVER_OK", queue_after_start, 0},
    {"no queue at all", no_queue, 0},
    {"queue of 0", queue_size, 0},
    {"queue of 1", queue_size, 1},
    {"queue of 3", queue_size, 3},
    {"queue of 7", queue_size, 7},
    {"queue of 15", queue_size, 15},
    {"queue of 17", queue_size, 17},
    {"queue of one more than the maximum", queue_size_beyond_max, 1},
    {"queue of twice the maximum", queue_size_beyond_max, 2},
    {"queue of 32768", queue_size, 32768},
    {"queue of 32769", queue_size, 32769},
    {"queue of 65535", queue_size, 65535},
    {"queue of 65536", queue_size, 65536},
    {"queue of 65552", queue_size, 65552},
    {"queue of 2 to the 31st", queue_size, 0x80000000},
    {"queue of 2 to the 32nd less 1", queue_size, UINT32_MAX},
    {"queue number 8", queue_select, 8},
    {"queue number 1023", queue_select, 1023},
    {"queue number 65535", queue_select, 65535},
    {"queue number 65536", queue_select, 65536},
    {"queue number 4294967295", queue_select, UINT32_MAX},
    {"descriptors at 0", ring_at, RING(DESC, AT_0)},
    {"descriptors at the end of RAM", ring_at, RING(DESC, AT_RAM_END)},
    {"descriptors across the end of RAM", ring_at, RING(DESC, BEFORE_RAM_END)},
    {"descriptors in the MMIO gap", ring_at, RING(DESC, IN_GAP)},
    {"descriptors in the device's registers", ring_at, RING(DESC, IN_OWN_WINDOW)},
    {"descriptors in reserved addresses", ring_at, RING(DESC, IN_RESERVED)},
    {"descriptors beyond physical addresses", ring_at, RING(DESC, BEYOND)},
    {"descriptors in the last page", ring_at, RING(DESC, LAST_PAGE)},
    {"descriptors wrap around", ring_at, RING(DESC, TOP)},
    {"available ring at 0", ring_at, RING(DRIVER, AT_0)},
    {"available ring at the end of RAM", ring_at, RING(DRIVER, AT_RAM_END)},
    {"available ring across the end of RAM", ring_at, RING(DRIVER, BEFORE_RAM_END)},
    {"available ring in the MMIO gap", ring_at, RING(DRIVER, IN_GAP)},
    {"available ring in the device's registers", ring_at, RING(DRIVER, IN_OWN_WINDOW)},
    {"available ring beyond physical addresses", ring_at, RING(DRIVER, BEYOND)},
    {"available ring in the last page", ring_at, RING(DRIVER, LAST_PAGE)},
    {"available ring wraps around", ring_at, RING(DRIVER, TOP)},
    {"used ring at 0", ring_at, RING(DEVICE, AT_0)},
    {"used ring at the end of RAM", ring_at, RING(DEVICE, AT_RAM_END)},
    {"used ring across the end of RAM", ring_at, RING(DEVICE, BEFORE_RAM_END)},
    {"used ring in the MMIO gap", ring_at, RING(DEVICE, IN_GAP)},
    {"used ring in the device's registers", ring_at, RING(DEVICE, IN_OWN_WINDOW)},
    {"used ring beyond physical addresses", ring_at, RING(DEVICE, BEYOND)},
    {"used ring in the last page", ring_at, RING(DEVICE, LAST_PAGE)},
    {"used ring wraps around", ring_at, RING(DEVICE, TOP)},
    {"descriptors at an odd address", ring_misaligned, RING(DESC, 1)},
    {"descriptors 8 bytes askew", ring_misaligned, RING(DESC, 8)},
    {"available ring at an odd address", ring_misaligned, RING(DRIVER, 1)},
    {"used ring at an odd address", ring_misaligned, RING(DEVICE, 1)},
    {"used ring 2 bytes askew", ring_misaligned, RING(DEVICE, 2)},
    {"available ring over descriptors", rings_overlap, OVERLAP(DESC, DRIVER, 0)},
    {"used ring over descriptors", rings_overlap, OVERLAP(DESC, DEVICE, 0)},
    {"used ring over the available ring", rings_overlap, OVERLAP(DRIVER, DEVICE, 0)},
    {"used ring half over descriptors", rings_overlap, OVERLAP(DESC, DEVICE, 128)},
    {"used ring half over the available ring", rings_overlap, OVERLAP(DRIVER, DEVICE, 16)},
    {"descriptors half over the used ring", rings_overlap, OVERLAP(DEVICE, DESC, 64)},
    {"all rings at one place", all_rings_at_one_place, 0},
    {"all queues with the same rings", queues_share_rings, 0},
    {"QueueReady of 2", ready_value, 2},
    {"QueueReady of 4294967295", ready_value, UINT32_MAX},
    {"QueueReady withdrawn", ready_withdrawn, 0},
    {"QueueReady toggled while running", ready_toggled, 20},
    {"queue changed while ready", changed_while_ready, 0},
    {"queue changed while running", changed_while_running, 0},
    {"registers of the legacy transport", legacy_registers, 0},
    {"QueueReset of 1", queue_reset_register, 1},
    {"QueueReset of 4294967295", queue_reset_register, UINT32_MAX},
    {"shared memory 0", shared_memory_registers, 0},
    {"shared memory 4294967295", shared_memory_registers, UINT32_MAX},
    {"writes to read-only registers", write_read_only, UINT32_MAX},
    {"ones to every register", write_everything, UINT32_MAX},
    {"1 to every register", write_everything, 1},
    {"zeros to every register", write_everything, 0},
    {"reads of 1 byte", read_with, 1},
    {"reads of 2 bytes", read_with, 2},
    {"reads of 8 bytes", read_with, 8},
    {"reads askew", read_askew, 0},
    {"writes of 1 byte", write_with, 1},
    {"writes of 2 bytes", write_with, 2},
    {"writes of 8 bytes", write_with, 8},
    {"writes askew", write_askew, 0},
    {"configuration written before the start", write_config, 0},
    {"configuration written while running", write_config, 1},
    {"configuration beyond its end", config_far, 0},
    {"interrupts acknowledged that never came", acknowledge, 0},
    {"interrupts acknowledged wrongly", acknowledge, 1},
    {"a hundred resets", reset_storm, 100},
    {"twenty starts and resets", reset_storm_running, 20},
    {"reset after ACKNOWLEDGE", reset_halfway, 0},
    {"reset after FEATURES_OK", reset_halfway, 1},
    {"reset after QueueReady", reset_halfway, 2},
    {"reset after DRIVER_OK", reset_halfway, 3},
    {"five hundred kicks of five queues", kick_storm, 500},
};
const u32 transport_case_count = ARRAY_SIZE(transport_cases);
