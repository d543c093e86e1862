#include "clock.h"

#include "irq.h"
#include "sys.h"

#define CALIBRATION_MIN_NS 1000000u
#define ERROR_PART 32
#define TICK_MAX_NS 50000000u /* the longest sleep without looking at the clock */

static u64 start_tsc;
static u64 tsc_khz;
static u64 armed_until;
static u32 armed_at_count;

void clock_start(void) {
  lapic_timer_set(UINT32_MAX);
  start_tsc = read_tsc();
}

void clock_calibrate(void) {
  u32 elapsed_ns;
  u64 before, after;
  do {
    before = read_tsc();
    elapsed_ns = UINT32_MAX - lapic_timer_count();
    after = read_tsc();
    /* A pause of ours while reading the timer counts as error: wait until it no longer matters. */
  } while (elapsed_ns < CALIBRATION_MIN_NS || (after - before) * ERROR_PART > after - start_tsc);
  u64 cycles = before + (after - before) / 2 - start_tsc;
  tsc_khz = cycles * 1000000 / elapsed_ns;
  lapic_timer_set(0);
}

void clock_restart(u64 tsc) {
  start_tsc = tsc;
  armed_until = 0;
}

u64 clock_us_at(u64 tsc) {
  return (tsc - start_tsc) * 1000 / tsc_khz;
}

u64 clock_now_us(void) {
  return clock_us_at(read_tsc());
}

u64 clock_tsc_khz(void) {
  return tsc_khz;
}

u64 deadline_after(u64 tsc, u64 micros) {
  return tsc + micros * tsc_khz / 1000;
}

u64 deadline_in_us(u64 micros) {
  return deadline_after(read_tsc(), micros);
}

bool deadline_passed(u64 deadline) {
  return deadline != NEVER && read_tsc() >= deadline;
}

/* The timer count to start for this deadline; 0 while the timer runs and will end early enough. */
static u32 timer_for(u64 deadline, u64 now) {
  if (deadline == NEVER) {
    return 0;
  }
  u64 tick = (u64)TICK_MAX_NS * tsc_khz / 1000000;
  /* A time further off than any that we set means that the TSC was set back, as by a restore. */
  bool armed = irq_count[IRQ_TIMER] == armed_at_count && armed_until > now &&
               armed_until - now <= tick;
  if (armed && armed_until <= deadline) {
    return 0;
  }
  u64 cycles = MIN(deadline - now, tick);
  armed_at_count = irq_count[IRQ_TIMER];
  armed_until = now + cycles;
  u64 count = cycles * 1000000 / tsc_khz;
  return count ? (u32)count : 1;
}

bool wait_until_changed(volatile u32 *word, u32 old, u64 deadline, volatile u32 *kick, u32 value) {
  for (;;) {
    u64 now = read_tsc();
    if (!kick && *word != old) {
      return true;
    }
    if (!kick && now >= deadline) {
      return false;
    }
    u32 timer = now < deadline ? timer_for(deadline, now) : 1;
    sys_wait(word, old, timer, kick, value);
    kick = NULL;
  }
}

void sleep_us(u64 micros) {
  u64 deadline = micros == NEVER ? NEVER : deadline_in_us(micros);
  u32 never = 0;
  wait_until_changed(&never, 0, deadline, NULL, 0);
}
