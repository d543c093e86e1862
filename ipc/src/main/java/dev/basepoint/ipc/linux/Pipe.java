package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A pipe(2); both ends are close-on-exec. */
public record Pipe(Fd readEnd, Fd writeEnd) implements AutoCloseable {
  private static final int SYS_PIPE2 = 293;

  /** Creates a pipe whose ends block. */
  public static Pipe create() throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ends = arena.allocate(8, 8);
      ErrnoException.check(Libc.syscall(SYS_PIPE2, ends.address(), OpenFile.O_CLOEXEC, 0), "pipe2");
      return new Pipe(
          Fd.own(ends.get(ValueLayout.JAVA_INT, 0)), Fd.own(ends.get(ValueLayout.JAVA_INT, 4)));
    }
  }

  @Override
  public void close() {
    readEnd.close();
    writeEnd.close();
  }
}
