/* Time from the TSC, its rate measured against the LAPIC timer, and sleeping with a deadline. */
#ifndef CLOCK_H
#define CLOCK_H

#include "types.h"

#define NEVER UINT64_MAX

/* Starts the reference measurement; a later clock_calibrate ends it. */
void clock_start(void);
void clock_calibrate(void);
/* Counts from tsc on, as in a clone, whose timer may have been left behind. */
void clock_restart(u64 tsc);
/* Microseconds since clock_start or clock_restart. */
u64 clock_now_us(void);
u64 clock_us_at(u64 tsc);
u64 clock_tsc_khz(void);
/* A point in time for wait_until_changed. */
u64 deadline_in_us(u64 micros);
u64 deadline_after(u64 tsc, u64 micros);
bool deadline_passed(u64 deadline);
/* NEVER sleeps for good. */
void sleep_us(u64 micros);

/*
 * Writes value to *kick first (if kick), then sleeps until *word differs from old, and tells
 * whether it does; false when the deadline passed.
 */
bool wait_until_changed(volatile u32 *word, u32 old, u64 deadline, volatile u32 *kick, u32 value);

#endif
