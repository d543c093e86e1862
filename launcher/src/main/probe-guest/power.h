/* Ways to end. */
#ifndef POWER_H
#define POWER_H

/* S5 by the ACPI sleep control register; where that does nothing, a reset. */
void power_off(void);
/* Keyboard controller reset; where that does nothing, a triple fault. */
void power_reset(void);
void power_halt(void);

#endif
