#include "steps.h"

#include "basepoint.h"
#include "blk.h"
#include "clock.h"
#include "doorbell.h"
#include "identity.h"
#include "mem.h"
#include "net.h"
#include "options.h"
#include "pages.h"
#include "power.h"
#include "probe_blk.h"
#include "probe_net.h"
#include "report.h"
#include "rng.h"
#include "shell.h"
#include "smp.h"
#include "soak.h"
#include "villain.h"

static void idle(void) {
  u64 millis = option_number("idle.ms", 0);
  if (millis) {
    sleep_us(millis * 1000);
    return;
  }
  for (;;) {
    sleep_us(NEVER);
  }
}

static void who(void) {
  if (!identity_present()) {
    fail("identity: this machine has no identity page");
    return;
  }
  identity_report("identity");
}

static void crash(void) {
  *(volatile u64 *)0xffff800000000000 = 1;
}

static const struct {
  const char *name;
  void (*run)(void);
} steps[] = {
    {"rng", probe_rng},         {"blk", probe_blk},     {"net", probe_net},
    {"serve", probe_serve},     {"shell", probe_shell}, {"stat", report_nics},
    {"smp", probe_smp},         {"mem", probe_mem},     {"mem_verify", probe_mem_verify},
    {"ready", basepoint_ready}, {"idle", idle},         {"crash", crash},
    {"villain", probe_villain}, {"soak", probe_soak},   {"poweroff", power_off},
    {"reset", power_reset},     {"halt", power_halt},   {"identity", who},
    {"pages", pages_report},
};

bool step_run(const char *name, const char *argument) {
  if (text_equal(name, "marker")) {
    u64 number = 0;
    if (!argument || !parse_number(&argument, &number) || number > 255) {
      fail("marker wants a number from 0 to 255");
    }
    doorbell_marker((u8)number);
    return true;
  }
  for (u32 i = 0; i < ARRAY_SIZE(steps); i++) {
    if (text_equal(name, steps[i].name)) {
      steps[i].run();
      return true;
    }
  }
  return false;
}

void steps_prepare(void) {
  smp_start();
  rng_start();
  blk_start();
  net_start();
  net_configure();
}
