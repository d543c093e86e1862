/* The services at CPL 0 (trap.S) and the state that its interrupt stubs keep. */
#ifndef SYS_H
#define SYS_H

#include "layout.h"
#include "types.h"

/*
 * Writes value to *kick (if kick), starts the LAPIC timer at timer counts (if not 0), and sleeps
 * until the next interrupt unless *word differs from old already. May return for any interrupt.
 */
void sys_wait(volatile u32 *word, u32 old, u32 timer, volatile u32 *kick, u32 value);
void sys_serial_write(const char *bytes, size_t count);
void sys_out8(u16 port, u8 value);
u8 sys_in8(u16 port);
void sys_out32(u16 port, u32 value);
u32 sys_in32(u16 port);
/* Makes this processor see the page tables as they are now. */
void sys_flush_tlb(void);
_Noreturn void sys_halt(void);
_Noreturn void sys_triple_fault(void);

/* Where the assembler enters C, always at CPL 3 on a stack of its own. */
_Noreturn void program_start(u64 start_info);
_Noreturn void program_crash(const u64 frame[8]);
_Noreturn void ap_start(u32 index);

/* By interrupt slot: GSI 0 to 23, IRQ_TIMER, IRQ_WAKE. */
extern volatile u32 irq_count[32];
/* Changes with every interrupt of any kind on any CPU: what the program sleeps on. */
extern volatile u32 irq_any;
/* Where set, the stub reads InterruptStatus of this virtio-mmio device, acknowledges it and
   collects the bits in irq_status. */
extern volatile u64 irq_device[32];
extern volatile u32 irq_status[32];

#endif
