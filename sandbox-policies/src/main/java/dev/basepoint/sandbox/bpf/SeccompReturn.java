package dev.basepoint.sandbox.bpf;

/** What a filter returns: an action in the high 16 bits, data in the low ones (linux/seccomp.h). */
public final class SeccompReturn {
  public static final int SECCOMP_RET_KILL_PROCESS = 0x8000_0000;
  public static final int SECCOMP_RET_ERRNO = 0x0005_0000;
  public static final int SECCOMP_RET_USER_NOTIF = 0x7fc0_0000;
  public static final int SECCOMP_RET_ALLOW = 0x7fff_0000;

  private SeccompReturn() {}

  /** The result that makes a call fail with {@code errno}. */
  public static int errno(int errno) {
    return SECCOMP_RET_ERRNO | errno;
  }
}
