package dev.basepoint.ipc.linux;

import java.lang.foreign.MemorySegment;

/**
 * System calls with typed arguments, for code that handles {@code -errno} itself. None of them
 * allocates. Whoever wants an exception wraps the result in {@link ErrnoException#check}.
 *
 * <p>Numbers are those of x86-64, arch/x86/entry/syscalls/syscall_64.tbl.
 */
public final class Syscalls {
  static final int SYS_READ = 0;
  static final int SYS_WRITE = 1;
  static final int SYS_CLOSE = 3;
  static final int SYS_MMAP = 9;
  static final int SYS_MPROTECT = 10;
  static final int SYS_MUNMAP = 11;
  static final int SYS_RT_SIGACTION = 13;
  static final int SYS_IOCTL = 16;
  static final int SYS_PREAD64 = 17;
  static final int SYS_PWRITE64 = 18;
  static final int SYS_READV = 19;
  static final int SYS_WRITEV = 20;
  static final int SYS_MADVISE = 28;
  static final int SYS_GETPID = 39;
  static final int SYS_CONNECT = 42;
  static final int SYS_SENDMSG = 46;
  static final int SYS_RECVMSG = 47;
  static final int SYS_SHUTDOWN = 48;
  static final int SYS_SOCKETPAIR = 53;
  static final int SYS_KILL = 62;
  static final int SYS_FCNTL = 72;
  static final int SYS_FSYNC = 74;
  static final int SYS_FDATASYNC = 75;
  static final int SYS_FTRUNCATE = 77;
  static final int SYS_GETTID = 186;
  static final int SYS_TGKILL = 234;
  static final int SYS_OPENAT = 257;
  static final int SYS_TIMERFD_SETTIME = 286;
  static final int SYS_FALLOCATE = 285;
  static final int SYS_TIMERFD_CREATE = 283;
  static final int SYS_EVENTFD2 = 290;
  static final int SYS_EPOLL_CTL = 233;
  static final int SYS_EPOLL_CREATE1 = 291;
  static final int SYS_PREADV = 295;
  static final int SYS_PWRITEV = 296;
  static final int SYS_RENAMEAT2 = 316;
  static final int SYS_GETRANDOM = 318;
  static final int SYS_MEMFD_CREATE = 319;
  static final int SYS_STATX = 332;
  static final int SYS_WAITID = 247;
  static final int SYS_FSTATFS = 138;
  static final int SYS_IO_SETUP = 206;
  static final int SYS_IO_DESTROY = 207;
  static final int SYS_IO_GETEVENTS = 208;
  static final int SYS_IO_SUBMIT = 209;
  static final int SYS_PREADV2 = 327;
  static final int SYS_PWRITEV2 = 328;
  static final int SYS_PIDFD_SEND_SIGNAL = 424;
  static final int SYS_PIDFD_OPEN = 434;
  static final int SYS_EPOLL_PWAIT2 = 441;
  static final int SYS_EPOLL_WAIT = 232;
  static final int SYS_PRLIMIT64 = 302;

  /** For {@link #preadv2}: answers EAGAIN instead of waiting for the disk. */
  public static final int RWF_NOWAIT = 0x08;

  /** For {@link #pwritev2}: returns when the data is durable, as with O_DSYNC. */
  public static final int RWF_DSYNC = 0x02;

  /** For {@link #fallocate}: leaves the file's size alone. */
  public static final int FALLOC_FL_KEEP_SIZE = 0x01;

  /** For {@link #fallocate}: gives the range back to the file system; it reads as zeros. */
  public static final int FALLOC_FL_PUNCH_HOLE = 0x02;

  /** For {@link #fallocate}: makes the range read as zeros and keeps its space. */
  public static final int FALLOC_FL_ZERO_RANGE = 0x10;

  private Syscalls() {}

  /** read(2) into {@code buffer}; returns the byte count, 0 at the end, or {@code -errno}. */
  public static long read(int fd, MemorySegment buffer) {
    return Libc.syscall(SYS_READ, fd, buffer.address(), buffer.byteSize());
  }

  /**
   * read(2) of {@code byteCount} bytes into {@code buffer} from {@code offset} on, without slicing.
   */
  public static long read(int fd, MemorySegment buffer, long offset, long byteCount) {
    checkRange(buffer, offset, byteCount);
    return Libc.syscall(SYS_READ, fd, buffer.address() + offset, byteCount);
  }

  /**
   * write(2) of all of {@code buffer}; returns the byte count, possibly short, or {@code -errno}.
   */
  public static long write(int fd, MemorySegment buffer) {
    return Libc.syscall(SYS_WRITE, fd, buffer.address(), buffer.byteSize());
  }

  /** write(2) of a part of {@code buffer} without slicing. */
  public static long write(int fd, MemorySegment buffer, long offset, long byteCount) {
    checkRange(buffer, offset, byteCount);
    return Libc.syscall(SYS_WRITE, fd, buffer.address() + offset, byteCount);
  }

  /** readv(2); {@code iovecs} must have been filled through {@link IovecArray}. */
  public static long readv(int fd, IovecArray iovecs) {
    return Libc.syscall(SYS_READV, fd, iovecs.address(), iovecs.count());
  }

  /** writev(2). */
  public static long writev(int fd, IovecArray iovecs) {
    return Libc.syscall(SYS_WRITEV, fd, iovecs.address(), iovecs.count());
  }

  /** preadv(2) at {@code fileOffset} bytes. */
  public static long preadv(int fd, IovecArray iovecs, long fileOffset) {
    return Libc.syscall(SYS_PREADV, fd, iovecs.address(), iovecs.count(), fileOffset, 0, 0);
  }

  /** pwritev(2) at {@code fileOffset} bytes. */
  public static long pwritev(int fd, IovecArray iovecs, long fileOffset) {
    return Libc.syscall(SYS_PWRITEV, fd, iovecs.address(), iovecs.count(), fileOffset, 0, 0);
  }

  /** preadv2(2) at {@code fileOffset} bytes; {@code flags} are RWF_ constants. */
  public static long preadv2(int fd, IovecArray iovecs, long fileOffset, int flags) {
    return Libc.syscall(SYS_PREADV2, fd, iovecs.address(), iovecs.count(), fileOffset, 0, flags);
  }

  /** pwritev2(2) at {@code fileOffset} bytes; {@code flags} are RWF_ constants. */
  public static long pwritev2(int fd, IovecArray iovecs, long fileOffset, int flags) {
    return Libc.syscall(SYS_PWRITEV2, fd, iovecs.address(), iovecs.count(), fileOffset, 0, flags);
  }

  /** pread64(2). */
  public static long pread(int fd, MemorySegment buffer, long fileOffset) {
    return Libc.syscall(SYS_PREAD64, fd, buffer.address(), buffer.byteSize(), fileOffset, 0, 0);
  }

  /** pwrite64(2). */
  public static long pwrite(int fd, MemorySegment buffer, long fileOffset) {
    return Libc.syscall(SYS_PWRITE64, fd, buffer.address(), buffer.byteSize(), fileOffset, 0, 0);
  }

  /** fdatasync(2). */
  public static long fdatasync(int fd) {
    return Libc.syscall(SYS_FDATASYNC, fd, 0, 0);
  }

  /** fsync(2); of a directory it makes the names in it durable. */
  public static long fsync(int fd) {
    return Libc.syscall(SYS_FSYNC, fd, 0, 0);
  }

  /** fallocate(2). */
  public static long fallocate(int fd, int mode, long fileOffset, long byteCount) {
    return Libc.syscall(SYS_FALLOCATE, fd, mode, fileOffset, byteCount, 0, 0);
  }

  /** getrandom(2) from the urandom source; blocks only until the kernel's generator is seeded. */
  public static long getrandom(MemorySegment buffer, long offset, long byteCount) {
    checkRange(buffer, offset, byteCount);
    return Libc.syscall(SYS_GETRANDOM, buffer.address() + offset, byteCount, 0);
  }

  /** ioctl(2) whose argument is an integer. */
  public static long ioctl(int fd, long request, long argument) {
    return Libc.syscall(SYS_IOCTL, fd, request, argument);
  }

  /** ioctl(2) whose argument is a structure. */
  public static long ioctl(int fd, long request, MemorySegment argument) {
    return Libc.syscall(SYS_IOCTL, fd, request, argument.address());
  }

  /** This process's id, as its own pid namespace has it. */
  public static int getpid() {
    return (int) Libc.syscall(SYS_GETPID, 0, 0, 0);
  }

  /** The calling thread's kernel id. */
  public static int gettid() {
    return (int) Libc.syscall(SYS_GETTID, 0, 0, 0);
  }

  /** tgkill(2): signals one thread of one process. */
  public static long tgkill(int pid, int tid, int signal) {
    return Libc.syscall(SYS_TGKILL, pid, tid, signal);
  }

  /** kill(2). */
  public static long kill(int pid, int signal) {
    return Libc.syscall(SYS_KILL, pid, signal, 0);
  }

  /** close(2); EINTR needs no retry on Linux, the descriptor is gone either way. */
  static long close(int fd) {
    return Libc.syscall(SYS_CLOSE, fd, 0, 0);
  }

  private static void checkRange(MemorySegment buffer, long offset, long byteCount) {
    java.util.Objects.checkFromIndexSize(offset, byteCount, buffer.byteSize());
  }
}
