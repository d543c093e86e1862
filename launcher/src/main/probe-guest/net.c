#include "net.h"

#include "clock.h"
#include "memory.h"
#include "options.h"
#include "report.h"
#include "sys.h"

#define QUEUE_SIZE 64
#define QUEUE_RX 0
#define QUEUE_TX 1
#define HEADER_BYTES 12
#define RX_BUFFER_MERGEABLE 512 /* small, so that full frames really are merged */
#define RX_BUFFER_WHOLE 2048
#define TX_TIMEOUT_US 1000000

#define HEADER_F_NEEDS_CSUM 1
#define CONFIG_STATUS 6
#define CONFIG_MTU 10
#define STATUS_LINK_UP 1
#define MTU_DEFAULT 1500

struct nic nics[NET_MAX];
u32 nic_count;

static void offer_buffer(struct nic *nic, u8 *buffer) {
  struct segment segment = {buffer, nic->rx_buffer_bytes};
  virtqueue_add(nic->device->queues[QUEUE_RX], &segment, 0, 1, buffer, NULL);
}

void net_read_mac(struct nic *nic) {
  for (u32 i = 0; i < MAC_BYTES && (nic->device->features & VIRTIO_NET_F_MAC); i++) {
    nic->mac[i] = virtio_config8(nic->device, i);
  }
}

void net_refresh(struct nic *nic) {
  struct virtio_device *device = nic->device;
  u32 generation;
  do {
    generation = virtio_read(device, REG_CONFIG_GENERATION);
    net_read_mac(nic);
    nic->link_up = !(device->features & VIRTIO_NET_F_STATUS) ||
                   (virtio_config16(device, CONFIG_STATUS) & STATUS_LINK_UP);
    nic->mtu = device->features & VIRTIO_NET_F_MTU ? virtio_config16(device, CONFIG_MTU)
                                                   : MTU_DEFAULT;
  } while (virtio_read(device, REG_CONFIG_GENERATION) != generation);
}

static bool connect(struct nic *nic) {
  struct virtio_device *device = nic->device;
  u64 wanted = TRANSPORT_FEATURES | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM |
               VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS;
  if (!virtio_negotiate(device, wanted) || !virtio_create_queues(device, 2, QUEUE_SIZE)) {
    return false;
  }
  static const u8 fallback_mac[MAC_BYTES] = {0x02, 0, 0, 0, 0, 0x50};
  memcpy(nic->mac, fallback_mac, MAC_BYTES);
  net_refresh(nic);
  bool mergeable = device->features & VIRTIO_NET_F_MRG_RXBUF;
  nic->rx_buffer_bytes = mergeable ? RX_BUFFER_MERGEABLE : RX_BUFFER_WHOLE;
  for (u32 i = 0; i < device->queues[QUEUE_RX]->size; i++) {
    offer_buffer(nic, nic->rx_buffers + RX_BUFFER_WHOLE * i);
  }
  nic->tx_free_count = 0;
  for (u32 i = 0; i < NET_TX_SLOTS; i++) {
    nic->tx_free[nic->tx_free_count++] = i;
  }
  virtio_start(device);
  virtqueue_kick(device->queues[QUEUE_RX]);
  return true;
}

void net_restart(void) {
  for (u32 i = 0; i < nic_count; i++) {
    connect(&nics[i]);
  }
}

void net_start(void) {
  struct virtio_device *device;
  while (nic_count < NET_MAX && (device = virtio_device_of(VIRTIO_ID_NET, nic_count))) {
    struct nic *nic = &nics[nic_count];
    nic->device = device;
    nic->rx_buffers = memory_get(RX_BUFFER_WHOLE * QUEUE_SIZE, 64);
    nic->tx_slots = memory_get(NET_TX_SLOTS * sizeof *nic->tx_slots, 64);
    if (!connect(nic)) {
      return;
    }
    nic_count++;
  }
}

static void reclaim(struct nic *nic) {
  struct virtqueue *queue = nic->device->queues[QUEUE_TX];
  u32 written;
  while (queue->used->index != queue->used_seen) {
    struct net_tx_slot *slot = virtqueue_take(queue, &written);
    if (slot) {
      nic->tx_free[nic->tx_free_count++] = (u32)(slot - nic->tx_slots);
    }
  }
}

u8 *net_frame(struct nic *nic) {
  reclaim(nic);
  if (nic->tx_free_count == 0) {
    virtqueue_wait(nic->device->queues[QUEUE_TX], deadline_in_us(TX_TIMEOUT_US));
    reclaim(nic);
  }
  if (nic->tx_free_count == 0) {
    nic->tx_dropped++;
    return NULL;
  }
  return nic->tx_slots[nic->tx_free[nic->tx_free_count - 1]].frame;
}

void net_send(struct nic *nic, u8 *frame, u32 length, u16 csum_start, u16 csum_offset) {
  u32 index = nic->tx_free[--nic->tx_free_count];
  struct net_tx_slot *slot = &nic->tx_slots[index];
  struct virtqueue *queue = nic->device->queues[QUEUE_TX];
  slot->header = (struct net_header){0};
  if (csum_start) {
    slot->header.flags = HEADER_F_NEEDS_CSUM;
    slot->header.csum_start = csum_start;
    slot->header.csum_offset = csum_offset;
  }
  struct segment segments[2] = {{&slot->header, HEADER_BYTES}, {frame, length}};
  if (!virtqueue_add(queue, segments, 2, 0, slot, NULL)) {
    nic->tx_free[nic->tx_free_count++] = index;
    nic->tx_dropped++;
    return;
  }
  nic->tx_frames++;
  nic->tx_bytes += length;
  virtqueue_kick(queue);
}

u32 net_receive(struct nic *nic, bool *checksum_is_partial) {
  struct virtqueue *queue = nic->device->queues[QUEUE_RX];
  u32 written;
  u8 *buffer = virtqueue_take(queue, &written);
  if (!buffer) {
    return 0;
  }
  struct net_header header;
  memcpy(&header, buffer, HEADER_BYTES);
  bool mergeable = nic->device->features & VIRTIO_NET_F_MRG_RXBUF;
  u32 buffers = mergeable ? header.num_buffers : 1;
  bool bad = written < HEADER_BYTES || written > nic->rx_buffer_bytes || buffers == 0;
  u32 length = 0;
  u32 skip = HEADER_BYTES;
  for (u32 i = 0; i < buffers || i == 0; i++) {
    if (i > 0 && !(buffer = virtqueue_take(queue, &written))) {
      bad = true;
      break;
    }
    bad = bad || written > nic->rx_buffer_bytes;
    u32 part = bad || written < skip ? 0 : written - skip;
    u32 room = NET_FRAME_MAX - length;
    if (part > room) {
      nic->rx_oversized++;
      part = room;
    }
    memcpy(nic->rx_frame + length, buffer + skip, part);
    length += part;
    skip = 0;
    offer_buffer(nic, buffer);
  }
  virtqueue_kick(queue);
  if (bad) {
    fail("net device %u: a received frame of %u buffers has impossible lengths", nic->device->index,
         buffers);
    return 0;
  }
  nic->rx_frames++;
  nic->rx_bytes += length;
  nic->rx_merged += buffers > 1;
  *checksum_is_partial = header.flags & HEADER_F_NEEDS_CSUM;
  return length;
}

void net_wait(u32 seen, u64 deadline) {
  for (u32 i = 0; i < nic_count; i++) {
    if (virtqueue_arm(nics[i].device->queues[QUEUE_RX])) {
      return;
    }
  }
  wait_until_changed(&irq_any, seen, deadline, NULL, 0);
}
