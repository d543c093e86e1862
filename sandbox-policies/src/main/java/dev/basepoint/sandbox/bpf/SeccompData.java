package dev.basepoint.sandbox.bpf;

/**
 * A system call as a filter sees it, {@code struct seccomp_data} (linux/seccomp.h).
 *
 * <pre>
 *   0      4      8                     16        24             64 bytes
 *   +------+------+---------------------+---------+--- ... ------+
 *   | nr   | arch | instruction_pointer | args[0] | ... args[5]  |
 *   +------+------+---------------------+---------+--- ... ------+
 * </pre>
 */
public record SeccompData(int nr, int arch, long instructionPointer, long[] args) {
  static final int NR_OFFSET = 0;
  static final int ARCH_OFFSET = NR_OFFSET + Integer.BYTES;
  static final int INSTRUCTION_POINTER_OFFSET = ARCH_OFFSET + Integer.BYTES;
  static final int ARGS_OFFSET = INSTRUCTION_POINTER_OFFSET + Long.BYTES;
  static final int ARG_COUNT = 6;

  /** Size of the structure. */
  public static final int BYTES = ARGS_OFFSET + ARG_COUNT * Long.BYTES;

  /** AUDIT_ARCH_X86_64 of linux/audit.h: EM_X86_64, 64-bit, little-endian. */
  public static final int AUDIT_ARCH_X86_64 = 0xc000_003e;

  public SeccompData {
    if (args.length != ARG_COUNT) {
      throw new IllegalArgumentException("a system call has six arguments, not " + args.length);
    }
  }

  /** A 64-bit call from anywhere. */
  public static SeccompData of(int nr, long... args) {
    return new SeccompData(nr, AUDIT_ARCH_X86_64, 0, args);
  }

  /** The 32-bit word at {@code offset}, a multiple of 4 below {@link #BYTES}. */
  int word(int offset) {
    if (offset == NR_OFFSET) {
      return nr;
    }
    if (offset == ARCH_OFFSET) {
      return arch;
    }
    int at = offset - INSTRUCTION_POINTER_OFFSET;
    long field = at < Long.BYTES ? instructionPointer : args[at / Long.BYTES - 1];
    return at % Long.BYTES == 0 ? (int) field : (int) (field >>> Integer.SIZE);
  }
}
