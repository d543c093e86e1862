/*
 * Soak: write, flush, verify, draw and ask without end, and notice every byte that is not what was
 * acknowledged. Made to run while the host kills what serves the devices.
 */
#ifndef SOAK_H
#define SOAK_H

#include "blk.h"

/* What a block's content says about a write that should be there. */
enum soak_verdict { SOAK_GOOD, SOAK_LOST, SOAK_TORN, SOAK_MISDIRECTED, SOAK_CORRUPT };
#define SOAK_VERDICTS 5

struct soak_disk {
  struct blk *blk;
  u64 start_sector;
  u32 block_sectors;
  u32 blocks;
  u64 seed;
  u32 *versions; /* by block: the version last acknowledged; 0 = unknown, not checked */
  u64 writes, reads, flushes, io_errors;
  u64 verdicts[SOAK_VERDICTS];
  u64 worst_us; /* the longest wait for one batch */
};

/* soak_disk.c. A disk too small or read-only is left out: false. */
bool soak_disk_start(struct soak_disk *disk, struct blk *blk, u64 seed);
/* Writes a first version of every block. */
void soak_disk_fill(struct soak_disk *disk);
/* Writes up to depth blocks chosen by random; then, if flush, makes them durable. */
void soak_disk_write(struct soak_disk *disk, u64 random, bool flush);
/* Reads up to depth blocks chosen by random and checks them. */
void soak_disk_verify(struct soak_disk *disk, u64 random);
/* Reads and checks every block and reports the disk. */
void soak_disk_finish(struct soak_disk *disk);

void probe_soak(void);

#endif
