#ifndef RNG_H
#define RNG_H

#include "types.h"

/* Draws rng.bytes from each rng device and reports simple statistics of them. */
void probe_rng(void);
/* Brings every rng device up; called once. */
void rng_start(void);
/* Resets and brings up again what rng_start found. */
void rng_restart(void);
u32 rng_count(void);
/* Fills bytes from rng device n; false when it is silent for 10 s or misbehaves. */
bool rng_read(u32 n, void *bytes, size_t count);

#endif
