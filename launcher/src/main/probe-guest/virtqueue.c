#include "virtqueue.h"

#include "clock.h"
#include "memory.h"
#include "pages.h"
#include "report.h"
#include "sys.h"

#define NO_DESCRIPTOR 0xffff

struct virtqueue *virtqueue_create(struct virtio_device *device, u32 number, u32 size) {
  struct virtqueue *queue = memory_get(sizeof *queue, 8);
  queue->device = device;
  queue->number = number;
  queue->size = (u16)size;
  queue->event_idx = device->features & VIRTIO_F_EVENT_IDX;
  u32 room = device->ring_room > size ? device->ring_room : size;
  queue->descriptors = memory_get(sizeof(struct descriptor) * room, 16);
  queue->avail = memory_get(sizeof(struct avail_ring) + 2 * room + 2, 2);
  queue->used = memory_get(sizeof(struct used_ring) + sizeof(struct used_entry) * room + 2, 4);
  queue->tokens = memory_get(sizeof(void *) * size, 8);
  queue->lengths = memory_get(sizeof(u16) * size, 2);
  for (u32 i = 0; i < size; i++) {
    queue->descriptors[i].next = i + 1 < size ? (u16)(i + 1) : NO_DESCRIPTOR;
  }
  queue->free_count = (u16)size;
  return queue;
}

static volatile u16 *used_event(struct virtqueue *queue) {
  return &queue->avail->ring[queue->size];
}

static volatile u16 *avail_event(struct virtqueue *queue) {
  return (volatile u16 *)&queue->used->ring[queue->size];
}

static void fill(volatile struct descriptor *descriptor, const struct segment *segment, u16 flags) {
  descriptor->address = (u64)segment->address;
  descriptor->length = segment->length;
  descriptor->flags = flags;
}

bool virtqueue_add(struct virtqueue *queue, const struct segment *segments, u32 out, u32 in,
                   void *token, struct descriptor *table) {
  u32 total = out + in;
  bool indirect = table && (queue->device->features & VIRTIO_F_INDIRECT_DESC);
  u32 needed = indirect ? 1 : total;
  if (needed > queue->free_count) {
    return false;
  }
  u16 head = queue->free_head;
  u16 at = head;
  if (indirect) {
    for (u32 i = 0; i < total; i++) {
      u16 flags = (u16)((i >= out ? DESC_F_WRITE : 0) | (i + 1 < total ? DESC_F_NEXT : 0));
      fill(&table[i], &segments[i], flags);
      table[i].next = (u16)(i + 1);
    }
    struct segment whole = {table, total * (u32)sizeof *table};
    fill(&queue->descriptors[at], &whole, DESC_F_INDIRECT);
    queue->free_head = queue->descriptors[at].next;
  } else {
    for (u32 i = 0; i < total; i++) {
      u16 flags = (u16)((i >= out ? DESC_F_WRITE : 0) | (i + 1 < total ? DESC_F_NEXT : 0));
      fill(&queue->descriptors[at], &segments[i], flags);
      queue->free_head = at = queue->descriptors[at].next;
    }
  }
  queue->free_count = (u16)(queue->free_count - needed);
  queue->tokens[head] = token;
  queue->lengths[head] = (u16)needed;
  queue->in_flight++;
  queue->avail->ring[queue->avail_index % queue->size] = head;
  queue->avail_index++;
  return true;
}

bool virtqueue_publish(struct virtqueue *queue) {
  u16 old = queue->kicked_index;
  u16 new = queue->avail_index;
  if (old == new) {
    return false;
  }
  compiler_barrier();
  queue->avail->index = new;
  queue->kicked_index = new;
  full_fence();
  if (queue->event_idx) {
    return (u16)(new - *avail_event(queue) - 1) < (u16)(new - old);
  }
  return !(queue->used->flags & USED_F_NO_NOTIFY);
}

void virtqueue_kick(struct virtqueue *queue) {
  if (virtqueue_publish(queue)) {
    *virtio_notify_register(queue->device) = queue->number;
  }
}

static void free_chain(struct virtqueue *queue, u16 head) {
  u16 last = head;
  for (u32 i = 1; i < queue->lengths[head]; i++) {
    last = queue->descriptors[last].next;
  }
  queue->descriptors[last].next = queue->free_head;
  queue->free_head = head;
  queue->free_count = (u16)(queue->free_count + queue->lengths[head]);
}

/* What the device wrote for this chain: the buffers up to written bytes, and the used ring. */
static void note_written(struct virtqueue *queue, u16 head, u32 written) {
  volatile struct descriptor *at = &queue->descriptors[head];
  u32 count = queue->lengths[head];
  if (at->flags & DESC_F_INDIRECT) {
    count = at->length / (u32)sizeof *at;
    at = (volatile struct descriptor *)at->address;
  }
  volatile struct descriptor *first = at;
  for (u32 i = 0; i < count && written; i++) {
    if (at->flags & DESC_F_WRITE) {
      u32 part = MIN(written, at->length);
      pages_note((void *)at->address, part);
      written -= part;
    }
    at = first == queue->descriptors + head ? &queue->descriptors[at->next] : at + 1;
  }
  pages_note(queue->used, sizeof *queue->used);
  pages_note(&queue->used->ring[queue->used_seen % queue->size], sizeof(struct used_entry));
  pages_note(avail_event(queue), sizeof(u16));
}

bool virtqueue_has_used(const struct virtqueue *queue) {
  return queue->used->index != queue->used_seen;
}

void *virtqueue_take(struct virtqueue *queue, u32 *written) {
  if (!virtqueue_has_used(queue)) {
    return NULL;
  }
  compiler_barrier();
  volatile struct used_entry *entry = &queue->used->ring[queue->used_seen % queue->size];
  u32 head = entry->id;
  *written = entry->length;
  void *token = head < queue->size ? queue->tokens[head] : NULL;
  if (!token) {
    fail("device %u queue %u used descriptor %u, which is not in flight", queue->device->index,
         queue->number, head);
    queue->used_seen++;
    return NULL;
  }
  note_written(queue, (u16)head, *written);
  queue->used_seen++;
  queue->tokens[head] = NULL;
  queue->in_flight--;
  free_chain(queue, (u16)head);
  return token;
}

bool virtqueue_arm(struct virtqueue *queue) {
  *used_event(queue) = queue->used_seen;
  full_fence();
  return queue->used->index != queue->used_seen;
}

bool virtqueue_wait(struct virtqueue *queue, u64 deadline) {
  bool kick = virtqueue_publish(queue);
  for (;;) {
    u32 seen = irq_any;
    if (virtqueue_arm(queue)) {
      if (kick) {
        *virtio_notify_register(queue->device) = queue->number;
      }
      return true;
    }
    if (!kick && (deadline_passed(deadline) || virtio_needs_reset(queue->device))) {
      return false;
    }
    volatile u32 *notify = kick ? virtio_notify_register(queue->device) : NULL;
    wait_until_changed(&irq_any, seen, deadline, notify, queue->number);
    kick = false;
  }
}
