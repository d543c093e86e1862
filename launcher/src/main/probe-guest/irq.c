#include "irq.h"

#include "sys.h"

#define LAPIC_SPURIOUS 0x0f0
#define LAPIC_ICR_LOW 0x300
#define LAPIC_ICR_HIGH 0x310
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_LVT_LINT0 0x350
#define LAPIC_TIMER_CURRENT 0x390
#define LAPIC_TIMER_DIVIDE 0x3e0
#define LVT_MASKED 0x10000
#define DIVIDE_BY_1 0xb

#define ICR_INIT 0x4500
#define ICR_STARTUP 0x4600
#define ICR_FIXED 0x4000
#define ICR_PENDING 0x1000

#define IOAPIC_BASE 0xfec00000
#define IOAPIC_WINDOW 0x10
#define IOAPIC_REDIRECTION 0x10

volatile u32 irq_count[32];
volatile u32 irq_any;
volatile u64 irq_device[32];
volatile u32 irq_status[32];

static volatile u32 *lapic(u32 offset) {
  return (volatile u32 *)(u64)(LAPIC_BASE + offset);
}

void lapic_start(void) {
  *lapic(LAPIC_SPURIOUS) = 0x100 | VECTOR_SPURIOUS;
  /* The legacy interrupt controllers stay unheard. */
  *lapic(LAPIC_LVT_LINT0) = LVT_MASKED;
  *lapic(LAPIC_LVT_TIMER) = VECTOR_IRQ0 + IRQ_TIMER;
  *lapic(LAPIC_TIMER_DIVIDE) = DIVIDE_BY_1;
}

void lapic_timer_set(u32 count) {
  *lapic(LAPIC_TIMER_INITIAL) = count;
}

u32 lapic_timer_count(void) {
  return *lapic(LAPIC_TIMER_CURRENT);
}

static void send(u32 apic_id, u32 command) {
  while (*lapic(LAPIC_ICR_LOW) & ICR_PENDING) {
  }
  *lapic(LAPIC_ICR_HIGH) = apic_id << 24;
  *lapic(LAPIC_ICR_LOW) = command;
}

void lapic_init_processor(u32 apic_id) {
  send(apic_id, ICR_INIT);
}

void lapic_start_processor(u32 apic_id) {
  send(apic_id, ICR_STARTUP | TRAMPOLINE_ADDR >> 12);
}

void lapic_wake(u32 apic_id) {
  send(apic_id, ICR_FIXED | (VECTOR_IRQ0 + IRQ_WAKE));
}

static void ioapic_write(u32 reg, u32 value) {
  *(volatile u32 *)IOAPIC_BASE = reg;
  *(volatile u32 *)(IOAPIC_BASE + IOAPIC_WINDOW) = value;
}

void ioapic_route(u32 gsi) {
  ioapic_write(IOAPIC_REDIRECTION + 2 * gsi + 1, 0);
  ioapic_write(IOAPIC_REDIRECTION + 2 * gsi, VECTOR_IRQ0 + gsi);
}
