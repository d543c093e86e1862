# Starts a process and lets it carry out a list of system calls; see SpawnCode.java.
#
#   as spawn.S -o spawn.o && objcopy -O binary -j .text spawn.o spawn.bin
#
# Argument (rdi): the request
#   0  clone_args*   8  its size   16  entries*   24  mask of all signals   32, 40  scratch
# An entry, 72 bytes
#   0  number   8..48  six arguments   56  result   64  where to store it as well, or 0
# The last entry is execve or exit_group. The first failure ends the child with status 126.

    .intel_syntax noprefix
    .text
spawn:
    push rbx
    mov  rbx, rdi
    mov  eax, 14                # rt_sigprocmask(SIG_SETMASK, &all, &old, 8)
    mov  edi, 2
    lea  rsi, [rbx + 24]
    lea  rdx, [rbx + 32]
    mov  r10d, 8
    syscall
    mov  eax, 435               # clone3(args, size)
    mov  rdi, [rbx]
    mov  rsi, [rbx + 8]
    syscall
    test rax, rax
    jz   child
    mov  [rbx + 40], rax
    mov  eax, 14                # rt_sigprocmask(SIG_SETMASK, &old, 0, 8)
    mov  edi, 2
    lea  rsi, [rbx + 32]
    xor  edx, edx
    mov  r10d, 8
    syscall
    mov  rax, [rbx + 40]
    pop  rbx
    ret
child:
    mov  rbx, [rbx + 16]
next:
    mov  rax, [rbx]
    mov  rdi, [rbx + 8]
    mov  rsi, [rbx + 16]
    mov  rdx, [rbx + 24]
    mov  r10, [rbx + 32]
    mov  r8, [rbx + 40]
    mov  r9, [rbx + 48]
    syscall
    mov  [rbx + 56], rax
    test rax, rax
    js   failed
    mov  rcx, [rbx + 64]
    jrcxz stored
    mov  [rcx], rax
stored:
    add  rbx, 72
    jmp  next
failed:
    mov  eax, 231               # exit_group(126)
    mov  edi, 126
    syscall
    hlt
