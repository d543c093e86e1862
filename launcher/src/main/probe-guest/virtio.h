/* The virtio-mmio transport, version 2 (virtio 1.2 §4.2). */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "types.h"

#define VIRTIO_ID_NET 1
#define VIRTIO_ID_BLOCK 2
#define VIRTIO_ID_RNG 4

#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)
#define TRANSPORT_FEATURES (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1)

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER 2
#define STATUS_DRIVER_OK 4
#define STATUS_FEATURES_OK 8
#define STATUS_NEEDS_RESET 64
#define STATUS_FAILED 128

#define REG_MAGIC 0x000
#define REG_VERSION 0x004
#define REG_DEVICE_ID 0x008
#define REG_VENDOR_ID 0x00c
#define REG_DEVICE_FEATURES 0x010
#define REG_DEVICE_FEATURES_SEL 0x014
#define REG_DRIVER_FEATURES 0x020
#define REG_DRIVER_FEATURES_SEL 0x024
#define REG_QUEUE_SEL 0x030
#define REG_QUEUE_NUM_MAX 0x034
#define REG_QUEUE_NUM 0x038
#define REG_QUEUE_READY 0x044
#define REG_QUEUE_NOTIFY 0x050
#define REG_INTERRUPT_STATUS 0x060
#define REG_INTERRUPT_ACK 0x064
#define REG_STATUS 0x070
#define REG_QUEUE_DESC_LOW 0x080
#define REG_QUEUE_DRIVER_LOW 0x090
#define REG_QUEUE_DEVICE_LOW 0x0a0
#define REG_CONFIG_GENERATION 0x0fc
#define REG_CONFIG 0x100

#define INTERRUPT_USED_RING 1
#define INTERRUPT_CONFIG 2

#define DEVICES_MAX 16
#define QUEUES_MAX 8

struct virtqueue;

struct virtio_device {
  u64 base;
  u64 size; /* of the register window */
  u32 gsi;
  u32 index; /* place on the command line, counting devices present */
  u32 type;
  u64 offered;
  u64 features; /* negotiated */
  bool reset_wanted; /* and reported */
  u32 queue_count;
  u32 ring_room; /* entries to have memory for in each ring; 0: as many as the queue has */
  struct virtqueue *queues[QUEUES_MAX];
};

/* The devices present, in the order of the command line's virtio_mmio.device= words. */
extern struct virtio_device devices[DEVICES_MAX];
extern u32 device_count;

void virtio_find_devices(void);
/* Device number n of a type, or NULL. */
struct virtio_device *virtio_device_of(u32 type, u32 n);
const char *virtio_type_name(u32 type);

u32 virtio_read(const struct virtio_device *device, u32 reg);
void virtio_write(const struct virtio_device *device, u32 reg, u32 value);
u8 virtio_config8(const struct virtio_device *device, u32 offset);
u16 virtio_config16(const struct virtio_device *device, u32 offset);
u32 virtio_config32(const struct virtio_device *device, u32 offset);
/* Read again until ConfigGeneration stood still (§4.2.2.2). */
u64 virtio_config64(const struct virtio_device *device, u32 offset);

u64 virtio_offered_features(const struct virtio_device *device);
/* Whether the device wants a reset (§2.1.2): it then serves nothing more. Tells the first time. */
bool virtio_needs_reset(struct virtio_device *device);
/* Reset until the device reads back 0; false when it never does. */
bool virtio_reset(struct virtio_device *device);
/* Reset up to FEATURES_OK, accepting what is offered of wanted. Reports failure. */
bool virtio_negotiate(struct virtio_device *device, u64 wanted);
/* Creates queues 0 to count - 1 of at most size entries and makes them ready. Reports failure. */
bool virtio_create_queues(struct virtio_device *device, u32 count, u32 size);
/* The last step of initialisation, with interrupts routed. */
void virtio_start(struct virtio_device *device);
volatile u32 *virtio_notify_register(const struct virtio_device *device);

#endif
