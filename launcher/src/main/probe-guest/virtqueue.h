/* Split virtqueues, driver side (virtio 1.2 §2.7). */
#ifndef VIRTQUEUE_H
#define VIRTQUEUE_H

#include "types.h"
#include "virtio.h"

#define DESC_F_NEXT 1
#define DESC_F_WRITE 2
#define DESC_F_INDIRECT 4
#define AVAIL_F_NO_INTERRUPT 1
#define USED_F_NO_NOTIFY 1

struct descriptor {
  u64 address;
  u32 length;
  u16 flags;
  u16 next;
};

struct avail_ring {
  u16 flags;
  u16 index;
  u16 ring[]; /* used_event follows the last entry */
};

struct used_entry {
  u32 id;
  u32 length;
};

struct used_ring {
  u16 flags;
  u16 index;
  struct used_entry ring[]; /* avail_event follows the last entry */
};

struct segment {
  void *address;
  u32 length;
};

struct virtqueue {
  struct virtio_device *device;
  u32 number;
  u16 size;
  u16 free_head;
  u16 free_count;
  u16 avail_index; /* our copy: what was added */
  u16 kicked_index;
  u16 used_seen;
  bool event_idx;
  volatile struct descriptor *descriptors;
  volatile struct avail_ring *avail;
  volatile struct used_ring *used;
  void **tokens;  /* by head: what the caller gave; NULL = not in flight */
  u16 *lengths;   /* by head: descriptors in the chain */
  u32 in_flight;
};

struct virtqueue *virtqueue_create(struct virtio_device *device, u32 number, u32 size);

/*
 * Adds a chain of out device-readable and then in device-writable segments; the device sees it at
 * the next kick or wait. With a table (room for out + in descriptors) and VIRTIO_F_INDIRECT_DESC it
 * is one indirect descriptor. False when the ring is full.
 */
bool virtqueue_add(struct virtqueue *queue, const struct segment *segments, u32 out, u32 in,
                   void *token, struct descriptor *table);
/* Publishes what was added and tells whether the device wants to be notified of it. */
bool virtqueue_publish(struct virtqueue *queue);
void virtqueue_kick(struct virtqueue *queue);
bool virtqueue_has_used(const struct virtqueue *queue);
/* Takes one used chain: its token, or NULL when there is none. A bad id or length is reported. */
void *virtqueue_take(struct virtqueue *queue, u32 *written);
/*
 * Publishes, notifies if needed, and sleeps until something is used; false at the deadline, and as
 * soon as the device wants a reset.
 */
bool virtqueue_wait(struct virtqueue *queue, u64 deadline);
/* Asks for an interrupt at the next used entry; true when one is there already. */
bool virtqueue_arm(struct virtqueue *queue);

#endif
