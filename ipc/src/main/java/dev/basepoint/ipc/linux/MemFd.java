package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;

/** Anonymous files by memfd_create(2), their size and seals. */
public final class MemFd {
  public static final int F_SEAL_SEAL = 0x0001;
  public static final int F_SEAL_SHRINK = 0x0002;
  public static final int F_SEAL_GROW = 0x0004;
  public static final int F_SEAL_WRITE = 0x0008;
  public static final int F_SEAL_FUTURE_WRITE = 0x0010;

  private static final int MFD_CLOEXEC = 0x1;
  private static final int MFD_ALLOW_SEALING = 0x2;
  private static final int MFD_NOEXEC_SEAL = 0x8;
  private static final int F_ADD_SEALS = 1033;
  private static final int F_GET_SEALS = 1034;

  private MemFd() {}

  /**
   * Creates a sealable memfd of {@code sizeBytes} zero bytes that can never become executable.
   *
   * @param name shown in /proc/PID/maps, for people
   */
  public static Fd create(String name, long sizeBytes) throws ErrnoException {
    Fd fd;
    try (Arena arena = Arena.ofConfined()) {
      long path = arena.allocateFrom(name).address();
      long result =
          Libc.syscall(
              Syscalls.SYS_MEMFD_CREATE,
              path,
              MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL,
              0);
      if (result == -Errno.EINVAL) {
        // Kernels before 6.3 do not know MFD_NOEXEC_SEAL.
        result = Libc.syscall(Syscalls.SYS_MEMFD_CREATE, path, MFD_CLOEXEC | MFD_ALLOW_SEALING, 0);
      }
      fd = Fd.own((int) ErrnoException.check(result, "memfd_create " + name));
    }
    try {
      resize(fd, sizeBytes);
      return fd;
    } catch (ErrnoException e) {
      fd.close();
      throw e;
    }
  }

  /** ftruncate(2). */
  public static void resize(Fd fd, long sizeBytes) throws ErrnoException {
    ErrnoException.check(
        Libc.syscall(Syscalls.SYS_FTRUNCATE, fd.number(), sizeBytes, 0),
        "ftruncate to " + sizeBytes);
  }

  /** Adds seals, which can never be removed. */
  public static void seal(Fd fd, int seals) throws ErrnoException {
    ErrnoException.check(
        Libc.syscall(Syscalls.SYS_FCNTL, fd.number(), F_ADD_SEALS, seals), "fcntl F_ADD_SEALS");
  }

  /**
   * Demands seals on a memfd from a peer. Without F_SEAL_SHRINK the peer could truncate it and kill
   * this process by SIGBUS.
   *
   * @throws ErrnoException EPERM if a seal is missing, EINVAL if it is no memfd
   */
  public static void requireSeals(Fd fd, int seals) throws ErrnoException {
    long present =
        ErrnoException.check(
            Libc.syscall(Syscalls.SYS_FCNTL, fd.number(), F_GET_SEALS, 0), "fcntl F_GET_SEALS");
    if ((present & seals) != seals) {
      throw new ErrnoException(
          "memfd lacks seals 0x" + Long.toHexString(seals & ~present), Errno.EPERM);
    }
  }

  /** The file's size in bytes, by lseek(2) to its end. */
  public static long sizeBytes(Fd fd) throws ErrnoException {
    return OpenFile.endOffset(fd);
  }
}
