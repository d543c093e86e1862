package dev.basepoint.launcher.group;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Syscalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Moves what a child wrote into its tail, so that the child never blocks on a full pipe. */
final class OutputDrain {
  private static final int PIPE_BYTES = 64 * 1024;

  private final Fd source;
  private final byte[] bytes;
  private final MemorySegment buffer;
  private final OutputTail tail;

  OutputDrain(Fd source, byte[] bytes, OutputTail tail) {
    this.source = source;
    this.bytes = bytes;
    this.buffer = Arena.ofAuto().allocate(bytes.length);
    this.tail = tail;
  }

  /**
   * Reads what is there, up to a pipe's content: a child that never ceases to write must not keep
   * the supervisor from everything else.
   *
   * @return false at the end
   */
  boolean drain() {
    for (int left = PIPE_BYTES; left > 0; left -= bytes.length) {
      long count = Syscalls.read(source.number(), buffer);
      if (count == -Errno.EAGAIN || count == -Errno.EINTR) {
        return true;
      }
      if (count <= 0) {
        return false;
      }
      MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, 0, bytes, 0, (int) count);
      tail.add(bytes, (int) count);
    }
    return true;
  }
}
