/*
 * Which pages of RAM were written, by the dirty bits of the page tables (SDM volume 3, 4.8).
 *
 * The memory in use is mapped in pages of 4 KiB for that, the rest in pages of 2 MiB.
 */
#ifndef PAGES_H
#define PAGES_H

#include "types.h"

struct pages_count {
  u64 written; /* pages of 4 KiB */
  u64 large;   /* regions of 2 MiB that were written where no 4 KiB pages tell which; usually 0 */
};

/* Sets page tables aside; called once, before the first memory_get. */
void pages_start(void);
/* Maps all memory below end in pages of 4 KiB. */
void pages_cover(u64 end);
/* Forgets what was written up to now. */
void pages_forget(void);
bool pages_counting(void);
/* Notes what was written from outside of the processors, as by a device; after pages_forget. */
void pages_note(const volatile void *start, u64 bytes);
/* What was written since pages_forget, the page tables themselves included. */
struct pages_count pages_written(void);
/* The same as an event. */
void pages_report(void);

#endif
