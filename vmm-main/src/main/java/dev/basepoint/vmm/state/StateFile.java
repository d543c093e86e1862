package dev.basepoint.vmm.state;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A machine's state in a memfd. */
public final class StateFile {
  /** Several times what a machine with everything needs. */
  private static final long BYTES_MAX = 8L << 20;

  private StateFile() {}

  /**
   * Writes a state.
   *
   * @param file empty
   * @return its size in bytes
   */
  public static long write(Fd file, MachineState state) throws IOException {
    if (MemFd.sizeBytes(file) != 0) {
      throw new IOException("the file for the machine's state is not empty");
    }
    byte[] bytes = state.encode();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment content = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
      long at = 0;
      while (at < bytes.length) {
        long result = Syscalls.pwrite(file.number(), content.asSlice(at), at);
        if (result != -Errno.EINTR) {
          at += ErrnoException.check(result, "writing the machine's state");
        }
      }
    }
    return bytes.length;
  }

  /**
   * Reads a state.
   *
   * @throws IOException if the file could still change, or its content is damaged or of another
   *     version
   */
  public static MachineState read(Fd file) throws IOException {
    MemFd.requireSeals(file, MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SHRINK);
    long sizeBytes = MemFd.sizeBytes(file);
    if (sizeBytes == 0 || sizeBytes > BYTES_MAX) {
      throw new IOException("a machine's state cannot have " + sizeBytes + " bytes");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment content = arena.allocate(sizeBytes);
      long at = 0;
      while (at < sizeBytes) {
        long result = Syscalls.pread(file.number(), content.asSlice(at), at);
        if (result == 0) {
          throw new IOException("the machine's state ends at byte " + at);
        }
        if (result != -Errno.EINTR) {
          at += ErrnoException.check(result, "reading the machine's state");
        }
      }
      return MachineState.decode(content.toArray(ValueLayout.JAVA_BYTE));
    }
  }
}
