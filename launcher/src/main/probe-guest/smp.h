/* Application processors: started once, then idle until they are given work. */
#ifndef SMP_H
#define SMP_H

#include "types.h"

/* Starts processors 1 to cpus= - 1. */
void smp_start(void);
/* Gives every processor the same work and reports whether all did it. */
void probe_smp(void);
u32 smp_count(void);
/* Wakes every processor for a number that follows from asked; how many gave the right one. */
u32 smp_answers(u64 asked);

#endif
