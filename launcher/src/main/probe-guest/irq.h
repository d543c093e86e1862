/* Local APIC and IOAPIC. */
#ifndef IRQ_H
#define IRQ_H

#include "types.h"

void lapic_start(void);
/* Starts the one-shot timer; a count is a nanosecond, for KVM and QEMU clock it at 1 GHz. */
void lapic_timer_set(u32 count);
u32 lapic_timer_count(void);
void lapic_init_processor(u32 apic_id);
/* Start-up IPI for TRAMPOLINE_ADDR. */
void lapic_start_processor(u32 apic_id);
void lapic_wake(u32 apic_id);

/* Routes an edge-triggered GSI to the boot processor. */
void ioapic_route(u32 gsi);

#endif
