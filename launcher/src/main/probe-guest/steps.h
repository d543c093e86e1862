/* The steps that probe= lists and the console takes as commands. */
#ifndef STEPS_H
#define STEPS_H

#include "options.h"

#define STEP_NAMES \
  "rng, blk, net, serve, shell, stat, smp, mem, mem_verify, ready, marker N, idle, crash, " \
  "villain, soak, identity, pages, poweroff, reset, halt"

#define STEP_LIST_MAX (OPTION_MAX + 8)

/* Runs one step; false when there is none of that name. argument may be NULL. */
bool step_run(const char *name, const char *argument);
/* Brings up the devices and processors that the steps use. */
void steps_prepare(void);

#endif
