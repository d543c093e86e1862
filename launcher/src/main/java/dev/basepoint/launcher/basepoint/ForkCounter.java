package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;

/**
 * How often a template was forked. Kept beside the template, which itself never changes; survives
 * the death of the process, and a power failure up to the last few seconds.
 *
 * <pre>
 *   0                   8                   16      24 bytes
 *   +-------------------+-------------------+-------+
 *   | created, seconds  | and nanoseconds   | forks |
 *   +-------------------+-------------------+-------+
 * </pre>
 */
public final class ForkCounter implements AutoCloseable {
  private static final long SECONDS = 0;
  private static final long NANOS = SECONDS + Long.BYTES;
  private static final long FORKS = NANOS + Long.BYTES;
  private static final long SIZE_BYTES = FORKS + Long.BYTES;
  private static final int OWNER_READ_WRITE = 0600;

  private final Fd file;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment record = arena.allocate(SIZE_BYTES, Long.BYTES);

  private ForkCounter(Fd file) {
    this.file = file;
  }

  /** Opens the counter of the template made at {@code created}; an earlier making's is reset. */
  static ForkCounter open(Path path, Instant created) throws IOException {
    ForkCounter counter =
        new ForkCounter(
            OpenFile.open(
                path.toString(),
                OpenFile.O_RDWR | OpenFile.O_CREAT | OpenFile.O_NOFOLLOW,
                OWNER_READ_WRITE));
    boolean complete = false;
    try {
      counter.load(created);
      complete = true;
      return counter;
    } finally {
      if (!complete) {
        counter.close();
      }
    }
  }

  /** What such a counter says, without making one. */
  static long read(Path path, Instant created) throws IOException {
    if (!Files.exists(path)) {
      return 0;
    }
    try (ForkCounter counter =
        new ForkCounter(OpenFile.open(path.toString(), OpenFile.O_RDONLY | OpenFile.O_NOFOLLOW))) {
      counter.load(created);
      return counter.count();
    }
  }

  private void load(Instant created) throws IOException {
    long count =
        ErrnoException.check(Syscalls.pread(file.number(), record, 0), "read the fork counter");
    if (count != SIZE_BYTES
        || record.get(ValueLayout.JAVA_LONG, SECONDS) != created.getEpochSecond()
        || record.get(ValueLayout.JAVA_LONG, NANOS) != created.getNano()) {
      record.set(ValueLayout.JAVA_LONG, SECONDS, created.getEpochSecond());
      record.set(ValueLayout.JAVA_LONG, NANOS, created.getNano());
      record.set(ValueLayout.JAVA_LONG, FORKS, 0);
    }
  }

  /** Forks counted so far. */
  public synchronized long count() {
    return record.get(ValueLayout.JAVA_LONG, FORKS);
  }

  /** Counts a fork, to be called before it is made: none may go uncounted. */
  public synchronized void increment() throws IOException {
    record.set(ValueLayout.JAVA_LONG, FORKS, count() + 1);
    ErrnoException.check(Syscalls.pwrite(file.number(), record, 0), "write the fork counter");
  }

  @Override
  public void close() {
    file.close();
    arena.close();
  }
}
