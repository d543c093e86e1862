#include "power.h"

#include "report.h"
#include "sys.h"

#define SLEEP_CONTROL_PORT 0x600
#define SLEEP_S5 (5 << 2 | 0x20)
#define KEYBOARD_PORT 0x64
#define KEYBOARD_RESET 0xfe

void power_reset(void) {
  sys_out8(KEYBOARD_PORT, KEYBOARD_RESET);
  sys_triple_fault();
}

void power_off(void) {
  sys_out8(SLEEP_CONTROL_PORT, SLEEP_S5);
  power_reset();
}

void power_halt(void) {
  sys_halt();
}
