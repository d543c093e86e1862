package dev.basepoint.ipc.linux;

/** Error numbers of asm-generic/errno-base.h and errno.h that the project names. */
public final class Errno {
  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int ESRCH = 3;
  public static final int EINTR = 4;
  public static final int EIO = 5;
  public static final int ENXIO = 6;
  public static final int E2BIG = 7;
  public static final int EBADF = 9;
  public static final int ECHILD = 10;
  public static final int EAGAIN = 11;
  public static final int ENOMEM = 12;
  public static final int EACCES = 13;
  public static final int EFAULT = 14;
  public static final int EBUSY = 16;
  public static final int EEXIST = 17;
  public static final int ENODEV = 19;
  public static final int ENOTDIR = 20;
  public static final int EISDIR = 21;
  public static final int EINVAL = 22;
  public static final int ENFILE = 23;
  public static final int EMFILE = 24;
  public static final int ENOTTY = 25;
  public static final int EFBIG = 27;
  public static final int ENOSPC = 28;
  public static final int EROFS = 30;
  public static final int EPIPE = 32;
  public static final int ENOSYS = 38;
  public static final int ENOTSOCK = 88;
  public static final int ENOBUFS = 105;
  public static final int ENODATA = 61;
  public static final int EOPNOTSUPP = 95;
  public static final int ECONNRESET = 104;
  public static final int ENOTCONN = 107;
  public static final int ETIMEDOUT = 110;
  public static final int ECONNREFUSED = 111;
  public static final int EINPROGRESS = 115;
  public static final int EDQUOT = 122;

  private Errno() {}

  /**
   * Returns the constant's name and a short English text, for example {@code "ENOENT (no such file
   * or directory)"}.
   */
  public static String describe(int errno) {
    return switch (errno) {
      case EPERM -> "EPERM (operation not permitted)";
      case ENOENT -> "ENOENT (no such file or directory)";
      case ESRCH -> "ESRCH (no such process)";
      case EINTR -> "EINTR (interrupted)";
      case EIO -> "EIO (input/output error)";
      case ENXIO -> "ENXIO (no such device or address)";
      case E2BIG -> "E2BIG (argument list too long)";
      case EBADF -> "EBADF (bad file descriptor)";
      case ECHILD -> "ECHILD (no child process)";
      case EAGAIN -> "EAGAIN (try again)";
      case ENOMEM -> "ENOMEM (out of memory)";
      case EACCES -> "EACCES (permission denied)";
      case EFAULT -> "EFAULT (bad address)";
      case EBUSY -> "EBUSY (device or resource busy)";
      case EEXIST -> "EEXIST (already exists)";
      case ENODEV -> "ENODEV (no such device)";
      case ENOTDIR -> "ENOTDIR (not a directory)";
      case EISDIR -> "EISDIR (is a directory)";
      case EINVAL -> "EINVAL (invalid argument)";
      case ENFILE -> "ENFILE (too many open files in the system)";
      case EMFILE -> "EMFILE (too many open files in this process)";
      case ENOTTY -> "ENOTTY (no such ioctl for this descriptor)";
      case EFBIG -> "EFBIG (file too large)";
      case ENOSPC -> "ENOSPC (no space left on device)";
      case EROFS -> "EROFS (read-only file system)";
      case EPIPE -> "EPIPE (peer closed)";
      case ENOSYS -> "ENOSYS (not provided by this kernel)";
      case ENOTSOCK -> "ENOTSOCK (not a socket)";
      case ENOBUFS -> "ENOBUFS (no buffer space)";
      case ENODATA -> "ENODATA (no data available)";
      case EOPNOTSUPP -> "EOPNOTSUPP (not supported)";
      case ECONNRESET -> "ECONNRESET (connection reset by peer)";
      case ENOTCONN -> "ENOTCONN (not connected)";
      case ETIMEDOUT -> "ETIMEDOUT (timed out)";
      case ECONNREFUSED -> "ECONNREFUSED (connection refused)";
      case EINPROGRESS -> "EINPROGRESS (in progress)";
      case EDQUOT -> "EDQUOT (disk quota exceeded)";
      default -> "errno " + errno;
    };
  }
}
