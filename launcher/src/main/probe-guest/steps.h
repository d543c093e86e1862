/* The steps that probe= lists and the console takes as commands. */
#ifndef STEPS_H
#define STEPS_H

#include "types.h"

#define STEP_NAMES \
  "rng, blk, net, serve, smp, mem, mem_verify, shell, idle, ready, marker N, stat, soak, villain, poweroff, " \
  "reset, halt, crash"

/* Runs one step; false when there is none of that name. argument may be NULL. */
bool step_run(const char *name, const char *argument);
/* Brings up the devices and processors that the steps use. */
void steps_prepare(void);

#endif
