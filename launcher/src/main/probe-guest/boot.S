/*
 * PVH entry (Xen's "x86/HVM direct boot ABI"): 32-bit protected mode, flat segments, paging off,
 * ebx = guest-physical address of hvm_start_info. Ends in the program at CPL 3.
 */
#include "layout.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18

    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long pvh_start

    .text
    .code32
    .global pvh_start
pvh_start:
    /* The first letter of the greeting goes out before anything else: it is what a start-up
       benchmark waits for. */
    movl $COM1, %edx
    movb $'b', %al
    outb %al, %dx

    movl $long_mode_entry, %edi
    movl %ebx, %ebp
    xorl %ebx, %ebx

/* Both kinds of CPU: ebx = CPU index, edi = where to go on in 64-bit mode. Keeps ebp. */
    .global enter_long_mode
enter_long_mode:
    movl $PML4_ADDR, %eax
    movl %eax, %cr3
    movl $0x20, %eax /* PAE */
    movl %eax, %cr4
    movl $0xc0000080, %ecx /* EFER: LME */
    movl $0x100, %eax
    xorl %edx, %edx
    wrmsr
    movl $0x80010031, %eax /* PG, WP, NE, ET, PE */
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $SEL_CODE64, $1f

    .code64
1:  xorl %eax, %eax
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movl $SEL_USER_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    lidt idt_pointer
    movl %ebx, %eax
    shll $4, %eax
    addl $SEL_TSS, %eax
    ltr %ax
    incl %ebx
    imull $KERNEL_STACK_SIZE, %ebx, %esp
    addq $kernel_stacks, %rsp
    imull $USER_STACK_SIZE, %ebx, %ecx
    addq $user_stacks - 8, %rcx
    pushq $SEL_USER_DATA
    pushq %rcx
    pushq $0x202 /* IF */
    pushq $SEL_USER_CODE
    jmp *%rdi

long_mode_entry:
    movl $COM1 + 2, %edx /* FCR: FIFOs on and empty */
    movb $7, %al
    outb %al, %dx
    incl %edx /* LCR: 8n1 */
    movb $3, %al
    outb %al, %dx
    incl %edx /* MCR: DTR, RTS, OUT2 */
    movb $0x0b, %al
    outb %al, %dx
    movl %ebp, %edi
    pushq $program_start
    iretq

    .global ap_long_mode_entry
ap_long_mode_entry:
    leal -1(%rbx), %edi
    pushq $ap_start
    iretq

    .section .rodata
    .balign 8
    .word 0, 0, 0
    .global gdt_pointer
gdt_pointer:
    .word GDT_SIZE - 1
    .quad GDT_ADDR
    .word 0, 0, 0
idt_pointer:
    .word VECTORS * 16 - 1
    .quad IDT_ADDR
