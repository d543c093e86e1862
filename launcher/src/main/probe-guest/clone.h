/* What a guest does first when it finds itself to be a clone. */
#ifndef CLONE_H
#define CLONE_H

#include "types.h"

#define CLONE_RNG_BYTES 32

/* What the parent left for its clones. */
struct basepoint {
  u64 pattern_seed;
  u8 *pattern;
  u64 pattern_pages;
  u64 sector; /* of disk 0, to be read first */
  bool sector_known;
  u8 sector_bytes[512];
  bool rng_in_flight; /* asked for CLONE_RNG_BYTES bytes */
  bool blk_in_flight; /* asked for the sector, into the extra slot */
};

/* Asks disk 0 for the basepoint's sector and does not wait. */
void clone_read_sector(const struct basepoint *basepoint);
/* Makes the first requests, then reports; resumed: when this clone began to run. */
void clone_wake(const struct basepoint *basepoint, u64 resumed);
/* In a clone that has steps of its own: puts them once in place of those in list[STEP_LIST_MAX]. */
bool clone_replace_steps(char *list);
bool clone_has_new_steps(void);

#endif
