/* The program: read the command line, bring everything up, run the steps, end. */
#include "basepoint.h"
#include "bootinfo.h"
#include "clone.h"
#include "clock.h"
#include "doorbell.h"
#include "identity.h"
#include "irq.h"
#include "options.h"
#include "pages.h"
#include "power.h"
#include "report.h"
#include "shell.h"
#include "steps.h"
#include "sys.h"
#include "virtio.h"

#define PROBE_VERSION 1

static void say_hello(void) {
  event_begin("hello");
  event_number("version", PROBE_VERSION);
  event_number("cpus", option_number("cpus", 1));
  event_number("ram_kib", boot_info.ram_bytes >> 10);
  event_number("modules", boot_info.modules);
  event_number("doorbell", doorbell_version());
  event_number("tsc_khz", clock_tsc_khz());
  event_text("cmdline", boot_info.cmdline);
  event_end();
  if (identity_present()) {
    identity_report("identity");
  }
}

static void run_steps(void) {
  char list[STEP_LIST_MAX];
  char name[32];
  const char *given = option_text("probe", "");
  memcpy(list, given, strlen(given) + 1);
  if (list_contains(list, "shell")) {
    shell_start();
  }
  if (text_equal(option_text("ready", ""), "doorbell")) {
    basepoint_ready();
    clone_replace_steps(list);
  }
  for (u32 i = 0; list_item(list, i, name, sizeof name);) {
    if (!step_run(name, NULL)) {
      fail("probe=: there is no step '%s'; known are: " STEP_NAMES, name);
    }
    i = clone_replace_steps(list) ? 0 : i + 1;
  }
}

static void end(void) {
  event_begin("done");
  event_number("failures", failure_count());
  event_end();
  const char *how = option_text("end", "poweroff");
  if (text_equal(how, "reset")) {
    power_reset();
  }
  if (text_equal(how, "halt")) {
    power_halt();
  }
  power_off();
}

/* boot.S comes here at CPL 3; it has printed the first letter of the greeting. */
_Noreturn void program_start(u64 start_info) {
  lapic_start();
  clock_start();
  print_raw("asepoint probe guest\r\n");
  const char *trouble = boot_info_read(start_info);
  pages_start();
  identity_start();
  clock_calibrate();
  if (trouble) {
    fail("%s", trouble);
    end();
  }
  say_hello();
  virtio_find_devices();
  steps_prepare();
  run_steps();
  end();
  sys_halt();
}

/* trap.S comes here after an exception: vector, error code, rip, cs, rflags, rsp, ss, cr2. */
_Noreturn void program_crash(const u64 frame[8]) {
  say("CRASH: exception %lu at 0x%lx", frame[0], frame[2]);
  event_begin("crash");
  event_number("vector", frame[0]);
  event_format("error_code", "0x%lx", frame[1]);
  event_format("rip", "0x%lx", frame[2]);
  event_format("rsp", "0x%lx", frame[5]);
  event_format("cr2", "0x%lx", frame[7]);
  event_end();
  power_reset();
  sys_halt();
}
