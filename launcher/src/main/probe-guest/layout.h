/*
 * Addresses that the linker script, the assembler and C must agree on.
 *
 * The descriptor tables hold addresses split into 16-bit pieces, which no relocation can express,
 * so everything they point at lives at an address fixed here and they are complete at assembly
 * time: not one instruction at CPL 0 is spent on building tables.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#define IMAGE_BASE 0x100000
#define PML4_ADDR 0x100000
#define PDPT_ADDR 0x101000
#define PD_ADDR 0x102000 /* four page directories: 4 GiB in 2 MiB pages, but the first */
#define PT_ADDR 0x106000 /* PT_COUNT regions of 2 MiB, which are in 4 KiB pages (pages.h) */
#define PT_COUNT 2
#define TABLES_ADDR 0x108000
#define GDT_ADDR TABLES_ADDR
#define IDT_ADDR (TABLES_ADDR + 0x200)
#define TSS_ADDR (TABLES_ADDR + 0x800)
#define STUBS_ADDR 0x109000 /* start of .text: interrupt stubs, STUB_SIZE bytes each */
#define STUB_SIZE 16

/* Page table entries: present, writable, user, accessed. */
#define PTE_TABLE 0x27
#define PTE_DIRTY 0x40
#define PTE_LARGE 0x80 /* 2 MiB page */
#define PTE_UNCACHED 0x18

#define MAX_CPUS 8
#define TSS_STRIDE 0x80
#define TSS_LIMIT 0x67
#define KERNEL_STACK_SIZE 2048
#define USER_STACK_SIZE 16384

#define SEL_CODE64 0x08
#define SEL_DATA 0x10
#define SEL_CODE32 0x18
#define SEL_USER_DATA 0x23
#define SEL_USER_CODE 0x2b
#define SEL_TSS 0x30 /* 16 bytes per CPU */
#define GDT_SIZE (SEL_TSS + 16 * MAX_CPUS)

#define VECTORS 64
#define VECTOR_IRQ0 32 /* vector of GSI 0 */
#define IRQ_TIMER 24   /* interrupt slots beyond the IOAPIC's 24 pins */
#define IRQ_WAKE 25
#define IRQ_SLOTS 31
#define VECTOR_SPURIOUS 63

#define LAPIC_BASE 0xfee00000
#define LAPIC_ID 0x020
#define LAPIC_EOI 0x0b0
#define LAPIC_TIMER_INITIAL 0x380

#define COM1 0x3f8
#define COM1_FIFO_SIZE 16

/* Where application processors start in real mode; free once the boot information was copied. */
#define TRAMPOLINE_ADDR 0x8000

/* Services at CPL 0, by number in eax. */
#define SYS_WAIT 0
#define SYS_SERIAL_WRITE 1
#define SYS_OUT8 2
#define SYS_IN8 3
#define SYS_OUT32 4
#define SYS_IN32 5
#define SYS_HALT 6
#define SYS_TRIPLE_FAULT 7
#define SYS_FLUSH_TLB 8

#endif
