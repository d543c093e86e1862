/*
 * Everything that runs at CPL 0 after boot: interrupt stubs, services and the way out of a crash.
 *
 * The program runs at CPL 3 and asks for a service by executing `hlt` at trap_site, which faults
 * with #GP. That works on every hypervisor; `syscall` and `int n` do not where KVM runs CPL 0 by
 * emulation. Such hosts also make each instruction here cost about a microsecond: keep it short.
 */
#include "layout.h"

    .section .stubs, "ax", @progbits
    .set i, 0
    .rept 32
    .balign STUB_SIZE
    .if i == 13
    jmp general_protection
    .elseif i == 8 || (i >= 10 && i <= 14) || i == 17 || i == 21
    pushq $i
    jmp crash
    .else
    pushq $0
    pushq $i
    jmp crash
    .endif
    .set i, i + 1
    .endr
    .set i, 0
    .rept IRQ_SLOTS
    .balign STUB_SIZE
    pushq %rcx
    movl $i, %ecx
    jmp interrupt
    .set i, i + 1
    .endr
    .balign STUB_SIZE
    iretq /* VECTOR_SPURIOUS wants no EOI */

    .text
/* rcx = interrupt slot; the interrupted rcx is on the stack. */
interrupt:
    pushq %rax
    pushq %rdx
    movq irq_device(, %rcx, 8), %rdx
    testq %rdx, %rdx
    jz 1f
    /* virtio 1.2 §4.2.2: InterruptStatus is read and acknowledged before the used rings are. */
    movl 0x60(%rdx), %eax
    movl %eax, 0x64(%rdx)
    orl %eax, irq_status(, %rcx, 4)
1:  incl irq_count(, %rcx, 4)
    lock incl irq_any
    movl $(LAPIC_BASE + LAPIC_EOI), %eax
    movl $0, (%rax)
    popq %rdx
    popq %rax
    popq %rcx
    iretq

general_protection:
    cmpq $trap_site, 8(%rsp)
    jne 1f
    incq 8(%rsp)
    jmp *services(, %rax, 8)
1:  pushq $13
    jmp crash

service_done:
    addq $8, %rsp
    iretq

/* Every service: arguments in rdi, rsi, rdx, rcx, r8 as C passes them, result in rax. */

/* (word, old, timer, kick, value): optional kick, optional timer start, then sleep until the next
   interrupt unless *word already differs from old. Checking with interrupts off closes the race. */
wait:
    testq %rcx, %rcx
    jz 1f
    movl %r8d, (%rcx)
1:  testl %edx, %edx
    jz 2f
    movl $(LAPIC_BASE + LAPIC_TIMER_INITIAL), %eax
    movl %edx, (%rax)
2:  cmpl %esi, (%rdi)
    jne service_done
    sti
    hlt
    cli
    jmp service_done

/* (bytes, count): a FIFO's worth per empty transmitter; gives up on a UART that never empties. */
serial_write:
    movq %rsi, %r8
    movq %rdi, %rsi
    movl $100000, %r9d
1:  movl $COM1 + 5, %edx
    inb %dx, %al
    testb $0x20, %al
    jnz 2f
    decl %r9d
    jnz 1b
    jmp service_done
2:  movl $COM1_FIFO_SIZE, %ecx
    cmpq %rcx, %r8
    cmovbl %r8d, %ecx
    subq %rcx, %r8
    movl $COM1, %edx
    rep outsb
    jnz 1b
    jmp service_done

/* (port, value) */
out8:
    movl %edi, %edx
    movl %esi, %eax
    outb %al, %dx
    jmp service_done
out32:
    movl %edi, %edx
    movl %esi, %eax
    outl %eax, %dx
    jmp service_done

/* (port) */
in8:
    movl %edi, %edx
    xorl %eax, %eax
    inb %dx, %al
    jmp service_done
in32:
    movl %edi, %edx
    inl %dx, %eax
    jmp service_done

halt:
    cli
    hlt
    jmp halt

flush_tlb:
    movq %cr3, %rax
    movq %rax, %cr3
    jmp service_done

triple_fault:
    lidt no_idt
    ud2

/* Stack: vector, error code, rip, cs, rflags, rsp, ss. The program reports the first crash itself,
   at CPL 3 on a stack of its own; a crash within that report ends in a triple fault. */
crash:
    cld
    movl $1, %eax
    xchgl %eax, crash_seen
    testl %eax, %eax
    jnz triple_fault
    movq %rsp, %rsi
    movl $crash_frame, %edi
    movl $7, %ecx
    rep movsq
    movq %cr2, %rax
    movq %rax, (%rdi)
    pushq $SEL_USER_DATA
    pushq $crash_stack_top - 8
    pushq $2
    pushq $SEL_USER_CODE
    pushq $program_crash
    movl $crash_frame, %edi
    iretq

    .bss
    .balign 16
crash_stack:
    .skip 4096
crash_stack_top:
crash_frame:
    .skip 8 * 8 /* the seven words above, then cr2 */

    .data
crash_seen:
    .long 0

    .section .rodata
    .balign 8
services:
    .quad wait, serial_write, out8, in8, out32, in32, halt, triple_fault, flush_tlb
no_idt:
    .word 0
    .quad 0

    .text
    .macro service name, number
    .global \name
\name:
    movl $\number, %eax
    jmp trap_site
    .endm
    service sys_wait, SYS_WAIT
    service sys_serial_write, SYS_SERIAL_WRITE
    service sys_out8, SYS_OUT8
    service sys_in8, SYS_IN8
    service sys_out32, SYS_OUT32
    service sys_in32, SYS_IN32
    service sys_halt, SYS_HALT
    service sys_triple_fault, SYS_TRIPLE_FAULT
    service sys_flush_tlb, SYS_FLUSH_TLB
trap_site:
    hlt
    ret
