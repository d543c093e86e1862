package dev.basepoint.ipc.linux;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A range of this process's address space made by mmap(2).
 *
 * <p>The segment is unscoped, so reading it costs no liveness check; in exchange nobody may touch
 * it after {@link #close()}. Owners close a mapping only after every thread that used it has
 * stopped.
 */
public final class Mapping implements AutoCloseable {
  private static final int PROT_NONE = 0;
  private static final int PROT_READ = 1;
  private static final int PROT_WRITE = 2;
  private static final int MAP_SHARED = 0x01;
  private static final int MAP_PRIVATE = 0x02;
  private static final int MAP_FIXED = 0x10;
  private static final int MAP_ANONYMOUS = 0x20;
  private static final int MAP_NORESERVE = 0x4000;

  /** Populate page tables for reading; faults pages in without stalling a safepoint. */
  public static final int MADV_POPULATE_READ = 22;

  /** Populate page tables for writing. */
  public static final int MADV_POPULATE_WRITE = 23;

  /** Drops pages; private anonymous ones read as zero afterwards. */
  public static final int MADV_DONTNEED = 4;

  public static final int MADV_HUGEPAGE = 14;
  public static final int MADV_DONTDUMP = 16;

  private final MemorySegment segment;
  private final AtomicBoolean open = new AtomicBoolean(true);

  private Mapping(MemorySegment segment) {
    this.segment = segment;
  }

  /** Maps {@code sizeBytes} of {@code fd} from {@code offset} on, shared with other mappers. */
  public static Mapping shared(Fd fd, long offset, long sizeBytes, boolean writable)
      throws ErrnoException {
    return map(0, sizeBytes, protection(writable), MAP_SHARED, fd.number(), offset);
  }

  /** Maps {@code fd} copy-on-write: writes stay in this process. */
  public static Mapping privateCopy(Fd fd, long offset, long sizeBytes) throws ErrnoException {
    return map(0, sizeBytes, protection(true), MAP_PRIVATE | MAP_NORESERVE, fd.number(), offset);
  }

  /** Reserves address space that faults until something is mapped over it. */
  public static Mapping reserve(long sizeBytes) throws ErrnoException {
    return map(0, sizeBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }

  /** Private zero pages. */
  public static Mapping anonymous(long sizeBytes) throws ErrnoException {
    return map(0, sizeBytes, protection(true), MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }

  /**
   * Replaces a part of this mapping by a copy-on-write view of {@code fd}.
   *
   * @param offset in the mapping, and in the file too
   */
  public void replaceWithPrivateCopy(Fd fd, long offset, long sizeBytes) throws ErrnoException {
    java.util.Objects.checkFromIndexSize(offset, sizeBytes, segment.byteSize());
    map(
        segment.address() + offset,
        sizeBytes,
        protection(true),
        MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
        fd.number(),
        offset);
  }

  /** Replaces a part of this mapping by private zero pages. */
  public void replaceWithZeros(long offset, long sizeBytes) throws ErrnoException {
    java.util.Objects.checkFromIndexSize(offset, sizeBytes, segment.byteSize());
    map(
        segment.address() + offset,
        sizeBytes,
        protection(true),
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
        -1,
        0);
  }

  private static int protection(boolean writable) {
    return writable ? PROT_READ | PROT_WRITE : PROT_READ;
  }

  private static Mapping map(
      long address, long sizeBytes, int protection, int flags, int fd, long offset)
      throws ErrnoException {
    if (sizeBytes <= 0) {
      throw new IllegalArgumentException("mapping of " + sizeBytes + " bytes");
    }
    long base =
        ErrnoException.check(
            Libc.syscall(Syscalls.SYS_MMAP, address, sizeBytes, protection, flags, fd, offset),
            "mmap " + sizeBytes + " bytes");
    return new Mapping(Libc.view(base, sizeBytes));
  }

  /** The mapped bytes. */
  public MemorySegment segment() {
    return segment;
  }

  /** madvise(2) on a part of the mapping. */
  public void advise(long offset, long byteCount, int advice) throws ErrnoException {
    java.util.Objects.checkFromIndexSize(offset, byteCount, segment.byteSize());
    ErrnoException.check(
        Libc.syscall(Syscalls.SYS_MADVISE, segment.address() + offset, byteCount, advice),
        "madvise " + advice);
  }

  @Override
  public void close() {
    if (open.getAndSet(false)) {
      Libc.syscall(Syscalls.SYS_MUNMAP, segment.address(), segment.byteSize(), 0);
    }
  }
}
