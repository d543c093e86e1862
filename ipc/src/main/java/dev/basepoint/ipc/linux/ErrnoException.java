package dev.basepoint.ipc.linux;

import java.io.IOException;

/** A failed system call: what was attempted and the kernel's errno. */
public final class ErrnoException extends IOException {
  private final int errno;

  /**
   * @param operation the call and its object, for example {@code "open /dev/kvm"}
   * @param errno the positive error number
   */
  public ErrnoException(String operation, int errno) {
    super(operation + ": " + Errno.describe(errno));
    this.errno = errno;
  }

  /** The positive error number; compare with the constants in {@link Errno}. */
  public int errno() {
    return errno;
  }

  /**
   * Passes a non-negative result through and turns {@code -errno} into an exception.
   *
   * @throws ErrnoException if {@code result} is negative
   */
  public static long check(long result, String operation) throws ErrnoException {
    if (result < 0) {
      throw new ErrnoException(operation, (int) -result);
    }
    return result;
  }
}
