package dev.basepoint.sandbox.bpf;

import java.util.List;
import java.util.Optional;

/**
 * The rules by which the kernel takes or refuses a seccomp filter: those of classic BPF
 * (Documentation/networking/filter.rst) and seccomp's own, which allows aligned word loads of
 * {@code struct seccomp_data} only.
 */
public final class BpfVerifier {
  private static final String VALID = "";

  private BpfVerifier() {}

  /** What is wrong with {@code program}, with the instruction's index; empty if nothing is. */
  public static Optional<String> problem(BpfProgram program) {
    List<BpfInstruction> instructions = program.instructions();
    for (int i = 0; i < instructions.size(); i++) {
      String reason = problem(instructions.get(i), instructions.size() - 1 - i);
      if (!reason.equals(VALID)) {
        return Optional.of("instruction " + i + ": " + reason);
      }
    }
    return isReturn(instructions.getLast().code())
        ? Optional.empty()
        : Optional.of("the last instruction is no return");
  }

  private static boolean isReturn(int code) {
    return code == (BpfOpcode.BPF_RET | BpfOpcode.BPF_K)
        || code == (BpfOpcode.BPF_RET | BpfOpcode.BPF_A);
  }

  private static String problem(BpfInstruction instruction, int remaining) {
    int code = instruction.code();
    int k = instruction.k();
    return switch (code & 0x07) {
      case BpfOpcode.BPF_LD, BpfOpcode.BPF_LDX -> loadProblem(code, k);
      case BpfOpcode.BPF_ST, BpfOpcode.BPF_STX -> storeProblem(code, k);
      case BpfOpcode.BPF_ALU -> aluProblem(code, k);
      case BpfOpcode.BPF_JMP -> jumpProblem(instruction, remaining);
      case BpfOpcode.BPF_RET -> isReturn(code) ? VALID : unknown(code);
      default ->
          code == (BpfOpcode.BPF_MISC | BpfOpcode.BPF_TAX)
                  || code == (BpfOpcode.BPF_MISC | BpfOpcode.BPF_TXA)
              ? VALID
              : unknown(code);
    };
  }

  private static String loadProblem(int code, int k) {
    boolean intoX = (code & 0x07) == BpfOpcode.BPF_LDX;
    return switch (code & ~0x07) {
      case BpfOpcode.BPF_W | BpfOpcode.BPF_IMM, BpfOpcode.BPF_W | BpfOpcode.BPF_LEN -> VALID;
      case BpfOpcode.BPF_W | BpfOpcode.BPF_MEM -> memoryProblem(k);
      case BpfOpcode.BPF_W | BpfOpcode.BPF_ABS -> {
        boolean valid = !intoX && k >= 0 && k < SeccompData.BYTES && k % Integer.BYTES == 0;
        yield valid ? VALID : "loads from offset " + k + " of seccomp_data";
      }
      default -> unknown(code);
    };
  }

  private static String storeProblem(int code, int k) {
    return (code & ~0x07) == 0 ? memoryProblem(k) : unknown(code);
  }

  private static String memoryProblem(int k) {
    return k >= 0 && k < BpfOpcode.BPF_MEMWORDS ? VALID : "there is no scratch word " + k;
  }

  private static String aluProblem(int code, int k) {
    boolean constant = (code & BpfOpcode.BPF_X) == 0;
    return switch (code & 0xf0) {
      case BpfOpcode.BPF_ADD,
          BpfOpcode.BPF_SUB,
          BpfOpcode.BPF_MUL,
          BpfOpcode.BPF_OR,
          BpfOpcode.BPF_AND,
          BpfOpcode.BPF_XOR ->
          VALID;
      case BpfOpcode.BPF_NEG -> constant ? VALID : unknown(code);
      case BpfOpcode.BPF_DIV -> constant && k == 0 ? "divides by zero" : VALID;
      case BpfOpcode.BPF_LSH, BpfOpcode.BPF_RSH ->
          constant && (k < 0 || k >= Integer.SIZE) ? "shifts by " + k : VALID;
      default -> unknown(code);
    };
  }

  private static String jumpProblem(BpfInstruction instruction, int remaining) {
    int code = instruction.code();
    switch (code & 0xf0) {
      case BpfOpcode.BPF_JA -> {
        if (code != (BpfOpcode.BPF_JMP | BpfOpcode.BPF_JA)) {
          return unknown(code);
        }
        return Integer.compareUnsigned(instruction.k(), remaining) < 0 ? VALID : "jumps too far";
      }
      case BpfOpcode.BPF_JEQ, BpfOpcode.BPF_JGT, BpfOpcode.BPF_JGE, BpfOpcode.BPF_JSET -> {
        return Math.max(instruction.jt(), instruction.jf()) < remaining ? VALID : "jumps too far";
      }
      default -> {
        return unknown(code);
      }
    }
  }

  private static String unknown(int code) {
    return "code 0x%02x is unknown".formatted(code);
  }
}
