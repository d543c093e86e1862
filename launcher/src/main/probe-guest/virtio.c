#include "virtio.h"

#include "clock.h"
#include "irq.h"
#include "memory.h"
#include "options.h"
#include "report.h"
#include "sys.h"
#include "virtqueue.h"

#define MAGIC_VALUE 0x74726976
#define IOAPIC_PINS 24
#define RESET_TIMEOUT_US 5000000

struct virtio_device devices[DEVICES_MAX];
u32 device_count;

u32 virtio_read(const struct virtio_device *device, u32 reg) {
  return *(volatile u32 *)(device->base + reg);
}

void virtio_write(const struct virtio_device *device, u32 reg, u32 value) {
  *(volatile u32 *)(device->base + reg) = value;
}

volatile u32 *virtio_notify_register(const struct virtio_device *device) {
  return (volatile u32 *)(device->base + REG_QUEUE_NOTIFY);
}

const char *virtio_type_name(u32 type) {
  switch (type) {
    case VIRTIO_ID_NET:
      return "net";
    case VIRTIO_ID_BLOCK:
      return "blk";
    case VIRTIO_ID_RNG:
      return "rng";
    default:
      return "other";
  }
}

/* value: SIZE@BASE:IRQ, as Linux's virtio_mmio.device= has it. */
static void add_device(const char *value) {
  u64 size, base, gsi;
  const char *at = value;
  bool valid = parse_number(&at, &size) && *at++ == '@' && parse_number(&at, &base) &&
               *at++ == ':' && parse_number(&at, &gsi) && gsi < IOAPIC_PINS;
  if (!valid) {
    fail("virtio_mmio.device=%s is not SIZE@BASE:IRQ", value);
    return;
  }
  if (device_count == DEVICES_MAX) {
    fail("virtio_mmio.device=%s: more than %u devices", value, DEVICES_MAX);
    return;
  }
  struct virtio_device *device = &devices[device_count];
  *device = (struct virtio_device){
      .base = base, .size = size, .gsi = (u32)gsi, .index = device_count};
  device->type = virtio_read(device, REG_DEVICE_ID);
  if (device->type == 0) {
    return; /* an empty transport, as QEMU has them */
  }
  u32 version = virtio_read(device, REG_VERSION);
  if (virtio_read(device, REG_MAGIC) != MAGIC_VALUE || version != 2) {
    fail("no virtio-mmio version 2 device at 0x%lx (version %u)", base, version);
    return;
  }
  device->offered = virtio_offered_features(device);
  device_count++;
  event_begin("device");
  event_number("device", device->index);
  event_text("type", virtio_type_name(device->type));
  event_format("base", "0x%lx", base);
  event_number("irq", gsi);
  event_format("offered", "0x%lx", device->offered);
  event_end();
}

void virtio_find_devices(void) {
  option_each("virtio_mmio.device", add_device);
}

struct virtio_device *virtio_device_of(u32 type, u32 n) {
  for (u32 i = 0; i < device_count; i++) {
    if (devices[i].type == type && n-- == 0) {
      return &devices[i];
    }
  }
  return NULL;
}

u8 virtio_config8(const struct virtio_device *device, u32 offset) {
  return *(volatile u8 *)(device->base + REG_CONFIG + offset);
}

u16 virtio_config16(const struct virtio_device *device, u32 offset) {
  return *(volatile u16 *)(device->base + REG_CONFIG + offset);
}

u32 virtio_config32(const struct virtio_device *device, u32 offset) {
  return virtio_read(device, REG_CONFIG + offset);
}

u64 virtio_config64(const struct virtio_device *device, u32 offset) {
  u32 generation;
  u64 value;
  do {
    generation = virtio_read(device, REG_CONFIG_GENERATION);
    value = virtio_config32(device, offset) | (u64)virtio_config32(device, offset + 4) << 32;
  } while (virtio_read(device, REG_CONFIG_GENERATION) != generation);
  return value;
}

u64 virtio_offered_features(const struct virtio_device *device) {
  virtio_write(device, REG_DEVICE_FEATURES_SEL, 1);
  u64 high = virtio_read(device, REG_DEVICE_FEATURES);
  virtio_write(device, REG_DEVICE_FEATURES_SEL, 0);
  return high << 32 | virtio_read(device, REG_DEVICE_FEATURES);
}

bool virtio_needs_reset(struct virtio_device *device) {
  /* Without a configuration interrupt there is nothing to ask: a register read is dear. */
  if (!(irq_status[device->gsi] & INTERRUPT_CONFIG) ||
      !(virtio_read(device, REG_STATUS) & STATUS_NEEDS_RESET)) {
    return false;
  }
  if (!device->reset_wanted) {
    device->reset_wanted = true;
    event_begin("needs_reset");
    event_number("device", device->index);
    event_end();
  }
  return true;
}

bool virtio_reset(struct virtio_device *device) {
  virtio_write(device, REG_STATUS, 0);
  u64 deadline = deadline_in_us(RESET_TIMEOUT_US);
  while (virtio_read(device, REG_STATUS) != 0) {
    if (deadline_passed(deadline)) {
      fail("device %u does not finish its reset", device->index);
      return false;
    }
  }
  irq_status[device->gsi] = 0;
  device->reset_wanted = false;
  return true;
}

bool virtio_negotiate(struct virtio_device *device, u64 wanted) {
  if (!virtio_reset(device)) {
    return false;
  }
  virtio_write(device, REG_STATUS, STATUS_ACKNOWLEDGE);
  virtio_write(device, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
  device->features = virtio_offered_features(device) & wanted;
  if (!(device->features & VIRTIO_F_VERSION_1)) {
    fail("device %u does not offer VIRTIO_F_VERSION_1", device->index);
    return false;
  }
  virtio_write(device, REG_DRIVER_FEATURES_SEL, 0);
  virtio_write(device, REG_DRIVER_FEATURES, (u32)device->features);
  virtio_write(device, REG_DRIVER_FEATURES_SEL, 1);
  virtio_write(device, REG_DRIVER_FEATURES, (u32)(device->features >> 32));
  u32 status = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
  virtio_write(device, REG_STATUS, status);
  if (!(virtio_read(device, REG_STATUS) & STATUS_FEATURES_OK)) {
    fail("device %u refuses features 0x%lx", device->index, device->features);
    return false;
  }
  return true;
}

static void write_address(const struct virtio_device *device, u32 reg,
                          const volatile void *memory) {
  virtio_write(device, reg, (u32)(u64)memory);
  virtio_write(device, reg + 4, (u32)((u64)memory >> 32));
}

bool virtio_create_queues(struct virtio_device *device, u32 count, u32 size) {
  device->queue_count = count;
  for (u32 i = 0; i < count; i++) {
    virtio_write(device, REG_QUEUE_SEL, i);
    u32 max = virtio_read(device, REG_QUEUE_NUM_MAX);
    if (max == 0) {
      fail("device %u has no queue %u", device->index, i);
      return false;
    }
    struct virtqueue *queue = virtqueue_create(device, i, MIN(size, max));
    device->queues[i] = queue;
    virtio_write(device, REG_QUEUE_NUM, queue->size);
    write_address(device, REG_QUEUE_DESC_LOW, queue->descriptors);
    write_address(device, REG_QUEUE_DRIVER_LOW, queue->avail);
    write_address(device, REG_QUEUE_DEVICE_LOW, queue->used);
    virtio_write(device, REG_QUEUE_READY, 1);
  }
  return true;
}

void virtio_start(struct virtio_device *device) {
  if (!irq_device[device->gsi]) {
    irq_device[device->gsi] = device->base;
    ioapic_route(device->gsi);
  }
  virtio_write(device, REG_STATUS,
               STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}
