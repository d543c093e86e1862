package dev.basepoint.ipc.linux;

/** Any system call by its number, for tests that try what a sandbox must refuse. */
public final class RawSyscall {
  private RawSyscall() {}

  /** Returns the kernel's result or {@code -errno}. */
  public static long call(long number, long... arguments) {
    long[] a = java.util.Arrays.copyOf(arguments, 6);
    return Libc.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  }
}
