package dev.basepoint.sandbox.bpf;

/**
 * One {@code struct sock_filter} (linux/filter.h).
 *
 * <pre>
 *   0       2    3    4        8 bytes
 *   +-------+----+----+--------+
 *   | code  | jt | jf | k      |
 *   +-------+----+----+--------+
 * </pre>
 *
 * @param code what to do, see {@link BpfOpcode}
 * @param jt instructions to skip when a comparison holds, 0 to 255
 * @param jf instructions to skip when it does not
 * @param k the operand
 */
public record BpfInstruction(int code, int jt, int jf, int k) {
  /** Size of the kernel's structure. */
  public static final int BYTES = 8;
}
