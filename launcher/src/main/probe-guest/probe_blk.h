#ifndef PROBE_BLK_H
#define PROBE_BLK_H

#include "blk.h"

/* Exercises every blk device as the blk.* options say and reports per device. */
void probe_blk(void);
/* The same for disk number and the operations, seed and range given. */
void blk_probe(u32 number, const char *ops, u64 seed, u64 start, u64 wanted);
/* Fills sectors with the splitmix64 stream of seed; sector 0 is the start of the stream. */
void blk_pattern(u64 seed, u64 sector, u8 *data, u32 bytes);

#endif
