/*
 * Real-mode start of an application processor, copied to TRAMPOLINE_ADDR. The LAPIC id is the CPU
 * index (virtio_mmio machines number their few CPUs from 0).
 */
#include "layout.h"

    .section .rodata
    .global trampoline, trampoline_end
    .code16
trampoline:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl TRAMPOLINE_ADDR + ap_gdt_pointer - trampoline
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $SEL_CODE32, $TRAMPOLINE_ADDR + ap_protected_mode - trampoline
    .code32
ap_protected_mode:
    movl $SEL_DATA, %eax
    movl %eax, %ds
    movl %eax, %ss
    movl LAPIC_BASE + LAPIC_ID, %ebx
    shrl $24, %ebx
    movl $ap_long_mode_entry, %edi
    movl $enter_long_mode, %eax
    jmp *%eax
    .balign 4
ap_gdt_pointer:
    .word GDT_SIZE - 1
    .long GDT_ADDR
trampoline_end:
