package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What statx(2) and fstatfs(2) tell about an open file.
 *
 * @param type what kind of file it is
 * @param sizeBytes of a regular file or a block device; 0 of others
 * @param allocatedBytes disk space in use
 * @param ioBlockBytes the file system's preferred unit of I/O
 * @param directMemoryAlignment what O_DIRECT asks of memory addresses; 0 if unknown
 * @param directOffsetAlignment what O_DIRECT asks of file offsets and lengths; 0 if unknown
 * @param inMemory the file lives in page cache only (tmpfs, memfd), so that no disk can delay it
 */
public record FileStatus(
    Type type,
    long sizeBytes,
    long allocatedBytes,
    int ioBlockBytes,
    int directMemoryAlignment,
    int directOffsetAlignment,
    boolean inMemory) {

  /** Kinds of files that the project tells apart. */
  public enum Type {
    REGULAR,
    BLOCK_DEVICE,
    OTHER
  }

  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int STATX_BASIC_STATS = 0x7ff;
  private static final int STATX_DIOALIGN = 0x2000;
  private static final int STATX_BYTES = 256;
  private static final long STX_MASK = 0x00;
  private static final long STX_BLKSIZE = 0x04;
  private static final long STX_MODE = 0x1c;
  private static final long STX_SIZE = 0x28;
  private static final long STX_BLOCKS = 0x30;
  private static final long STX_DIO_MEM_ALIGN = 0x98;
  private static final long STX_DIO_OFFSET_ALIGN = 0x9c;
  private static final int STX_BLOCK_BYTES = 512;
  private static final int S_IFMT = 0xf000;
  private static final int S_IFREG = 0x8000;
  private static final int S_IFBLK = 0x6000;

  private static final int STATFS_BYTES = 120;
  private static final long TMPFS_MAGIC = 0x01021994;

  /** Asks the kernel about {@code fd}. */
  public static FileStatus of(Fd fd) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment statx = arena.allocate(STATX_BYTES, 8);
      ErrnoException.check(
          Libc.syscall(
              Syscalls.SYS_STATX,
              fd.number(),
              arena.allocateFrom("").address(),
              AT_EMPTY_PATH,
              STATX_BASIC_STATS | STATX_DIOALIGN,
              statx.address(),
              0),
          "statx");
      Type type = type(statx.get(ValueLayout.JAVA_SHORT, STX_MODE));
      boolean alignmentKnown = (statx.get(ValueLayout.JAVA_INT, STX_MASK) & STATX_DIOALIGN) != 0;
      return new FileStatus(
          type,
          switch (type) {
            case REGULAR -> statx.get(ValueLayout.JAVA_LONG, STX_SIZE);
            case BLOCK_DEVICE -> OpenFile.endOffset(fd);
            case OTHER -> 0;
          },
          statx.get(ValueLayout.JAVA_LONG, STX_BLOCKS) * STX_BLOCK_BYTES,
          statx.get(ValueLayout.JAVA_INT, STX_BLKSIZE),
          alignmentKnown ? statx.get(ValueLayout.JAVA_INT, STX_DIO_MEM_ALIGN) : 0,
          alignmentKnown ? statx.get(ValueLayout.JAVA_INT, STX_DIO_OFFSET_ALIGN) : 0,
          isTmpfs(fd, arena));
    }
  }

  /**
   * Whether {@code fd} is none of the things that have a file type: an eventfd, for example, and no
   * file, socket, pipe or device.
   */
  public static boolean isAnonymous(Fd fd) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment statx = arena.allocate(STATX_BYTES, 8);
      ErrnoException.check(
          Libc.syscall(
              Syscalls.SYS_STATX,
              fd.number(),
              arena.allocateFrom("").address(),
              AT_EMPTY_PATH,
              STATX_BASIC_STATS,
              statx.address(),
              0),
          "statx");
      return (statx.get(ValueLayout.JAVA_SHORT, STX_MODE) & S_IFMT) == 0;
    }
  }

  private static Type type(short mode) {
    return switch (mode & S_IFMT) {
      case S_IFREG -> Type.REGULAR;
      case S_IFBLK -> Type.BLOCK_DEVICE;
      default -> Type.OTHER;
    };
  }

  private static boolean isTmpfs(Fd fd, Arena arena) throws ErrnoException {
    MemorySegment statfs = arena.allocate(STATFS_BYTES, 8);
    ErrnoException.check(
        Libc.syscall(Syscalls.SYS_FSTATFS, fd.number(), statfs.address(), 0), "fstatfs");
    return statfs.get(ValueLayout.JAVA_LONG, 0) == TMPFS_MAGIC;
  }
}
