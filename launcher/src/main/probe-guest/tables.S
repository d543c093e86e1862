/* Page tables, GDT, IDT and task state segments, complete at assembly time (see layout.h). */
#include "layout.h"

    .section .tables, "aw", @progbits
pml4:
    .quad PDPT_ADDR + PTE_TABLE
    .fill 511, 8, 0

pdpt:
    .set i, 0
    .rept 4
    .quad PD_ADDR + i * 4096 + PTE_TABLE
    .set i, i + 1
    .endr
    .fill 508, 8, 0

/* Identity map for the program at CPL 3, which owns all memory. 3 to 4 GiB is MMIO. */
page_directories:
    .set i, 0
    .rept PT_COUNT
    .quad PT_ADDR + i * 4096 + PTE_TABLE
    .set i, i + 1
    .endr
    .rept 1536 - PT_COUNT
    .quad i * 0x200000 + PTE_LARGE + PTE_TABLE
    .set i, i + 1
    .endr
    .rept 512
    .quad i * 0x200000 + PTE_LARGE + PTE_TABLE + PTE_DIRTY + PTE_UNCACHED
    .set i, i + 1
    .endr

page_tables:
    .set i, 0
    .rept 512 * PT_COUNT
    .quad i * 4096 + PTE_TABLE + PTE_DIRTY
    .set i, i + 1
    .endr

    .org GDT_ADDR - IMAGE_BASE
    .quad 0
    .quad 0x00af9b000000ffff /* SEL_CODE64 */
    .quad 0x00cf93000000ffff /* SEL_DATA */
    .quad 0x00cf9b000000ffff /* SEL_CODE32 */
    .quad 0x00cff3000000ffff /* SEL_USER_DATA */
    .quad 0x00affb000000ffff /* SEL_USER_CODE */
    .set i, 0
    .rept MAX_CPUS
    .set base, TSS_ADDR + i * TSS_STRIDE
    .word TSS_LIMIT, base & 0xffff
    .byte (base >> 16) & 0xff, 0x89, 0, base >> 24
    .quad 0
    .set i, i + 1
    .endr

    .org IDT_ADDR - IMAGE_BASE
    .set i, 0
    .rept VECTORS
    .set handler, STUBS_ADDR + i * STUB_SIZE
    .word handler & 0xffff, SEL_CODE64, 0x8e00, handler >> 16
    .quad 0
    .set i, i + 1
    .endr

    .org TSS_ADDR - IMAGE_BASE
    .set i, 1
    .rept MAX_CPUS
    .long 0
    .quad kernel_stacks + i * KERNEL_STACK_SIZE
    .fill 90, 1, 0
    .word TSS_LIMIT + 1 /* no I/O bitmap: CPL 3 has no ports */
    .fill TSS_STRIDE - TSS_LIMIT - 1, 1, 0
    .set i, i + 1
    .endr

    .bss
    .balign 16
    .global kernel_stacks, user_stacks
kernel_stacks:
    .skip KERNEL_STACK_SIZE * MAX_CPUS
user_stacks:
    .skip USER_STACK_SIZE * MAX_CPUS
