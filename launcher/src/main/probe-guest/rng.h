#ifndef RNG_H
#define RNG_H

#include "virtqueue.h"

/* Draws rng.bytes from each rng device and reports simple statistics of them. */
void probe_rng(void);
/* Brings every rng device up; called once. */
void rng_start(void);
/* Resets and brings up again what rng_start found. */
void rng_restart(void);
u32 rng_count(void);
/* Fills bytes from rng device n; false when it is silent for 10 s or misbehaves. */
bool rng_read(u32 n, void *bytes, size_t count);

/* One request by itself: asks device n for up to count bytes and does not wait. */
void rng_ask(u32 n, u32 count);
bool rng_in_flight(u32 n);
/* Takes the bytes that rng_ask wanted; their number, or 0 while there is no answer. */
u32 rng_answer(u32 n, u8 *bytes);
struct virtqueue *rng_queue(u32 n);

#endif
