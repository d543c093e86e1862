package dev.basepoint.sandbox.bpf;

import java.util.Arrays;
import java.util.List;

/**
 * Runs a classic BPF program on one system call, one instruction after the other, by the text of
 * Documentation/networking/filter.rst. It is the reference against which the compiler is tested and
 * with which {@code sandbox check} replays every rule; it shares nothing with the assembler.
 */
public final class BpfInterpreter {
  private final List<BpfInstruction> program;
  private final int[] memory = new int[BpfOpcode.BPF_MEMWORDS];
  private int a;
  private int x;
  private int pc;

  /**
   * Prepares to run {@code program}.
   *
   * @throws IllegalArgumentException if the kernel would refuse it
   */
  public BpfInterpreter(BpfProgram program) {
    BpfVerifier.problem(program)
        .ifPresent(
            problem -> {
              throw new IllegalArgumentException(problem);
            });
    this.program = program.instructions();
  }

  /** Returns the filter's 32-bit result, see {@link SeccompReturn}. */
  public int run(SeccompData data) {
    a = 0;
    x = 0;
    pc = 0;
    Arrays.fill(memory, 0);
    while (true) {
      BpfInstruction instruction = program.get(pc++);
      int code = instruction.code();
      int k = instruction.k();
      switch (code & 0x07) {
        case BpfOpcode.BPF_LD -> a = loaded(code, k, data);
        case BpfOpcode.BPF_LDX -> x = loaded(code, k, data);
        case BpfOpcode.BPF_ST -> memory[k] = a;
        case BpfOpcode.BPF_STX -> memory[k] = x;
        case BpfOpcode.BPF_ALU -> {
          int operand = (code & BpfOpcode.BPF_X) != 0 ? x : k;
          // The kernel ends a program that divides by zero with result 0, which is KILL_THREAD.
          if ((code & 0xf0) == BpfOpcode.BPF_DIV && operand == 0) {
            return 0;
          }
          a = computed(code & 0xf0, operand);
        }
        case BpfOpcode.BPF_JMP -> jump(instruction);
        case BpfOpcode.BPF_RET -> {
          return (code & BpfOpcode.BPF_A) != 0 ? a : k;
        }
        default -> transfer(code);
      }
    }
  }

  private int loaded(int code, int k, SeccompData data) {
    return switch (code & 0xe0) {
      case BpfOpcode.BPF_IMM -> k;
      case BpfOpcode.BPF_ABS -> data.word(k);
      case BpfOpcode.BPF_MEM -> memory[k];
      case BpfOpcode.BPF_LEN -> SeccompData.BYTES;
      default -> throw new IllegalStateException("the verifier let code " + code + " pass");
    };
  }

  private int computed(int operation, int operand) {
    return switch (operation) {
      case BpfOpcode.BPF_ADD -> a + operand;
      case BpfOpcode.BPF_SUB -> a - operand;
      case BpfOpcode.BPF_MUL -> a * operand;
      case BpfOpcode.BPF_DIV -> Integer.divideUnsigned(a, operand);
      case BpfOpcode.BPF_OR -> a | operand;
      case BpfOpcode.BPF_AND -> a & operand;
      case BpfOpcode.BPF_LSH -> a << operand;
      case BpfOpcode.BPF_RSH -> a >>> operand;
      case BpfOpcode.BPF_NEG -> -a;
      case BpfOpcode.BPF_XOR -> a ^ operand;
      default -> throw new IllegalStateException("the verifier let operation pass: " + operation);
    };
  }

  private void jump(BpfInstruction instruction) {
    int code = instruction.code();
    int operand = (code & BpfOpcode.BPF_X) != 0 ? x : instruction.k();
    boolean holds;
    switch (code & 0xf0) {
      case BpfOpcode.BPF_JA -> {
        pc += instruction.k();
        return;
      }
      case BpfOpcode.BPF_JEQ -> holds = a == operand;
      case BpfOpcode.BPF_JGT -> holds = Integer.compareUnsigned(a, operand) > 0;
      case BpfOpcode.BPF_JGE -> holds = Integer.compareUnsigned(a, operand) >= 0;
      case BpfOpcode.BPF_JSET -> holds = (a & operand) != 0;
      default -> throw new IllegalStateException("the verifier let code " + code + " pass");
    }
    pc += holds ? instruction.jt() : instruction.jf();
  }

  private void transfer(int code) {
    if ((code & BpfOpcode.BPF_TXA) != 0) {
      a = x;
    } else {
      x = a;
    }
  }
}
