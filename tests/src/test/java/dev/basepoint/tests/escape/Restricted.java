package dev.basepoint.tests.escape;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.Seccomp;
import dev.basepoint.launcher.Main;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The launcher on a host that lacks a facility: a filter upon itself answers for a kernel that has
 * none. The first argument names the facility, the others are the launcher's.
 */
public final class Restricted {
  private static final int BPF_LD_W_ABS = 0x20;
  private static final int BPF_JEQ_K = 0x15;
  private static final int BPF_JSET_K = 0x45;
  private static final int BPF_RET_K = 0x06;
  private static final int SECCOMP_RET_ALLOW = 0x7fff_0000;
  private static final int SECCOMP_RET_ERRNO = 0x0005_0000;
  private static final int NUMBER_OFFSET = 0;
  private static final int ARGUMENT_0_OFFSET = 16;
  private static final int ARGUMENT_1_OFFSET = 24;
  private static final int INSTRUCTION_BYTES = 8;

  private static final int SYS_UNSHARE = 272;
  private static final int SYS_SECCOMP = 317;
  private static final int SYS_LANDLOCK_CREATE_RULESET = 444;
  private static final int CLONE_NEWUSER = 0x1000_0000;
  private static final int SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3;

  private Restricted() {}

  public static void main(String[] arguments) throws Exception {
    byte[] filter =
        switch (arguments[0]) {
          case "landlock" -> refusing(SYS_LANDLOCK_CREATE_RULESET, NUMBER_OFFSET, -1, Errno.ENOSYS);
          case "user-namespace" ->
              refusing(SYS_UNSHARE, ARGUMENT_0_OFFSET, CLONE_NEWUSER, Errno.EPERM);
          case "notification" ->
              refusing(
                  SYS_SECCOMP, ARGUMENT_1_OFFSET, SECCOMP_FILTER_FLAG_NEW_LISTENER, Errno.EINVAL);
          default -> throw new IllegalArgumentException(arguments[0]);
        };
    Seccomp.install(filter, false);
    Main.main(Arrays.copyOfRange(arguments, 1, arguments.length));
  }

  /** Answers a call with {@code errno} if a word of its data has a bit of {@code mask}. */
  private static byte[] refusing(int number, int offset, int mask, int errno) {
    ByteBuffer program = ByteBuffer.allocate(6 * INSTRUCTION_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    put(program, BPF_LD_W_ABS, 0, 0, NUMBER_OFFSET);
    put(program, BPF_JEQ_K, 0, 3, number);
    put(program, BPF_LD_W_ABS, 0, 0, offset);
    put(program, BPF_JSET_K, 0, 1, mask);
    put(program, BPF_RET_K, 0, 0, SECCOMP_RET_ERRNO | errno);
    put(program, BPF_RET_K, 0, 0, SECCOMP_RET_ALLOW);
    return program.array();
  }

  private static void put(ByteBuffer program, int code, int yes, int no, int operand) {
    program.putShort((short) code).put((byte) yes).put((byte) no).putInt(operand);
  }
}
