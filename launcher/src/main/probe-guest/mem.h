/* A pattern in RAM that stays, so that forks can prove what they own. */
#ifndef MEM_H
#define MEM_H

#include "types.h"

void probe_mem(void);
void probe_mem_verify(void);
/* Fills new pages with a pattern; from then on probe_mem_verify checks these. */
void mem_write_own(u64 own_seed, u64 pages);

#endif
