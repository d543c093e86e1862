package dev.basepoint.ipc.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.HexFormat;

/**
 * The machine code that a child runs between clone3(2) and execve(2): it carries out a list of
 * system calls and nothing else.
 *
 * <p>Why machine code: a user namespace can only be entered by a process with a single thread,
 * which a JVM never is and posix_spawn(3) never lets run anything of ours. The new process shares
 * the JVM's memory until it executes its program (CLONE_VM, CLONE_VFORK), so it must not run Java
 * or libc code, whose thread-local state belongs to the suspended caller.
 *
 * <p>{@code src/main/asm/spawn.S} is the source; a test assembles it and compares.
 */
final class SpawnCode {
  private static final int PROT_READ = 1;
  private static final int PROT_WRITE = 2;
  private static final int PROT_EXEC = 4;
  private static final int MAP_PRIVATE = 0x02;
  private static final int MAP_ANONYMOUS = 0x20;
  private static final int PAGE_BYTES = 4096;

  /** Exit status of a child one of whose system calls failed. */
  static final int EXIT_FAILED = 126;

  private static final String CODE =
      """
      534889fbb80e000000bf02000000488d7318488d532041ba080000000f05\
      b8b3010000488b3b488b73080f054885c0742248894328b80e000000bf02\
      000000488d732031d241ba080000000f05488b43285bc3488b5b10488b03\
      488b7b08488b7310488b53184c8b53204c8b43284c8b4b300f0548894338\
      4885c0780f488b4b40e3034889014883c348ebcbb8e7000000bf7e000000\
      0f05f4\
      """;

  private SpawnCode() {}

  /** The code's bytes, position-independent. */
  static byte[] bytes() {
    return HexFormat.of().parseHex(CODE);
  }

  private static final class Loaded {
    static final MethodHandle HANDLE = Libc.handle(load());

    private static MemorySegment load() {
      long page =
          Libc.syscall(
              Syscalls.SYS_MMAP,
              0,
              PAGE_BYTES,
              PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS,
              -1,
              0);
      if (page < 0) {
        throw new IllegalStateException("mmap: " + Errno.describe((int) -page));
      }
      byte[] bytes = bytes();
      MemorySegment code = Libc.view(page, PAGE_BYTES);
      MemorySegment.copy(bytes, 0, code, ValueLayout.JAVA_BYTE, 0, bytes.length);
      long result = Libc.syscall(Syscalls.SYS_MPROTECT, page, PAGE_BYTES, PROT_READ | PROT_EXEC);
      if (result < 0) {
        throw new IllegalStateException(
            "the host forbids executable memory: " + Errno.describe((int) -result));
      }
      return code;
    }
  }

  /**
   * Starts a child and suspends the calling thread until it executes its program or ends.
   *
   * @param request see {@link SyscallScript}
   * @return the child's pid or {@code -errno} of clone3
   */
  static long run(MemorySegment request) {
    return Libc.callCode(Loaded.HANDLE, request.address());
  }
}
