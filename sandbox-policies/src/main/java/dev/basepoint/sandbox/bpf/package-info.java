/**
 * Policies as classic BPF for seccomp(2): the compiler, the program, and a reference interpreter
 * that follows the kernel's documentation rather than the compiler.
 */
package dev.basepoint.sandbox.bpf;
