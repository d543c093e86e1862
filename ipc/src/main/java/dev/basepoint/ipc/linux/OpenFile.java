package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;

/** Opens files by openat(2) and asks what they are. */
public final class OpenFile {
  public static final int O_RDONLY = 0;
  public static final int O_WRONLY = 1;
  public static final int O_RDWR = 2;
  public static final int O_ACCMODE = 3;
  public static final int O_CREAT = 0x40;
  public static final int O_EXCL = 0x80;
  public static final int O_TRUNC = 0x200;
  public static final int O_APPEND = 0x400;
  public static final int O_NONBLOCK = 0x800;
  public static final int O_DIRECT = 0x4000;
  public static final int O_DIRECTORY = 0x10000;
  public static final int O_NOFOLLOW = 0x20000;
  public static final int O_CLOEXEC = 0x80000;
  public static final int O_PATH = 0x200000;
  public static final int O_TMPFILE = 0x410000;

  private static final int AT_FDCWD = -100;
  private static final int SYS_LSEEK = 8;
  private static final int SEEK_SET = 0;
  private static final int SEEK_END = 2;
  private static final int SEEK_DATA = 3;
  private static final int SEEK_HOLE = 4;

  private OpenFile() {}

  /** Opens {@code path}; O_CLOEXEC is always set. */
  public static Fd open(String path, int flags) throws ErrnoException {
    return open(path, flags, 0);
  }

  /** Opens or creates {@code path} with permission bits {@code mode}. */
  public static Fd open(String path, int flags, int mode) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      return Fd.own(
          (int)
              ErrnoException.check(
                  Libc.syscall(
                      Syscalls.SYS_OPENAT,
                      AT_FDCWD,
                      arena.allocateFrom(path).address(),
                      flags | O_CLOEXEC,
                      mode,
                      0,
                      0),
                  "open " + path));
    }
  }

  /** The access mode and status flags an open file has now: O_RDWR, O_DIRECT and so on. */
  public static int statusFlags(Fd fd) throws ErrnoException {
    return (int)
        ErrnoException.check(
            Libc.syscall(Syscalls.SYS_FCNTL, fd.number(), Fd.F_GETFL, 0), "fcntl F_GETFL");
  }

  /**
   * The offset of the end of a seekable file; for a block device its size. The position is reset.
   */
  public static long endOffset(Fd fd) throws ErrnoException {
    long end = ErrnoException.check(Libc.syscall(SYS_LSEEK, fd.number(), 0, SEEK_END), "lseek");
    ErrnoException.check(Libc.syscall(SYS_LSEEK, fd.number(), 0, SEEK_SET), "lseek");
    return end;
  }

  /** The first byte from {@code offset} on that is not in a hole; -1 if there is none. */
  public static long nextData(Fd fd, long offset) throws ErrnoException {
    long result = Libc.syscall(SYS_LSEEK, fd.number(), offset, SEEK_DATA);
    return result == -Errno.ENXIO ? -1 : ErrnoException.check(result, "lseek SEEK_DATA");
  }

  /** The first byte from {@code offset} on that is in a hole; the end of the file is one. */
  public static long nextHole(Fd fd, long offset) throws ErrnoException {
    return ErrnoException.check(
        Libc.syscall(SYS_LSEEK, fd.number(), offset, SEEK_HOLE), "lseek SEEK_HOLE");
  }
}
