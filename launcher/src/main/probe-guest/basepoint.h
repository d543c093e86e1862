/* The point at which a template of this VM is taken: what precedes it, and waking as a clone. */
#ifndef BASEPOINT_H
#define BASEPOINT_H

#include "types.h"

/*
 * Prepares what a clone is to find, reports "ready" and rings. In a clone this returns after the
 * clone's report.
 */
void basepoint_ready(void);
/*
 * Notices that this guest was cloned or restored while it did something else, and reports. True
 * when it has steps of its own now.
 */
bool basepoint_check(void);

#endif
