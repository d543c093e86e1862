/*
 * Villain mode: a guest that breaks every rule of the transport and of its virtqueues, and after
 * each case resets the device and proves with a correct request that it still serves.
 */
#ifndef VILLAIN_H
#define VILLAIN_H

#include "virtqueue.h"

#define VILLAIN_QUEUE_SIZE 16
#define ZONE_BYTES 16384

/* One queue of one device under attack. */
struct villain {
  struct virtio_device *device;
  const char *name;
  u32 queue_number;
  u64 features;  /* wanted of the device */
  u32 queues;    /* to create */
  bool has_peer; /* net: the peer answers ARP */
  bool receives; /* the queue is served only when a frame arrives */

  /* Set up afresh before each case. */
  struct virtqueue *queue;
  u8 *readable; /* ZONE_BYTES that the device may read and must never change */
  u8 *writable; /* ZONE_BYTES that the device may write */
  u32 data;     /* of the valid chain 0, 1, …: the descriptor that carries the data */
  u32 last;     /* and its last */
  bool exposed; /* the case offers the readable zone for writing */
  bool kicked;  /* the case asked for something that may take a moment */
};

struct villain_case {
  const char *name;
  void (*run)(struct villain *v, u64 parameter);
  u64 parameter;
};

/* Each case finds the device reset (transport) or started with valid rings (the others). */
extern const struct villain_case transport_cases[];
extern const struct villain_case chain_cases[];
extern const struct villain_case blk_cases[];
extern const struct villain_case net_tx_cases[];
extern const struct villain_case net_rx_cases[];
extern const u32 transport_case_count, chain_case_count, blk_case_count, net_tx_case_count,
    net_rx_case_count;

/* villain_device.c: what is right for each type of device. */
/* Resets and starts the device with fresh, valid rings; drop: features not to accept. */
bool villain_start_device(struct villain *v, u64 drop);
/* Puts a valid request of the kind into descriptors 0 to v->last, not yet offered. */
void villain_valid_chain(struct villain *v);
/* A correct request on the freshly started device, its result verified. */
bool villain_correct_request(struct villain *v, u64 seed);
/* net: sends a valid frame that makes the peer answer, so that the receive queue is looked at. */
void villain_provoke_peer(struct villain *v);

/* villain_chain.c: the rings, written without the driver's care. */
void raw_descriptor(struct villain *v, u32 index, u64 address, u32 length, u16 flags, u16 next);
/* Makes head available and kicks. */
void raw_offer(struct villain *v, u16 head);
void raw_kick(struct villain *v);
/* A chain of nonsense from a seed. */
void villain_random_chain(struct villain *v, u64 seed);

/* Plays every case against every device and reports; villain.* options choose. */
void probe_villain(void);

#endif
