package dev.basepoint.tests.escape;

import dev.basepoint.ipc.linux.RawSyscall;
import dev.basepoint.sandbox.policy.SyscallTable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What an intruder has at hand: raw system calls, memory, and the descriptors of its victim. */
public final class Grip {
  private static final int F_GETFL = 3;
  private static final int F_GET_SEALS = 1034;
  private static final int F_SEAL_SHRINK = 2;
  private static final int O_ACCMODE = 3;
  private static final int O_RDWR = 2;
  private static final int SEEK_END = 2;
  private static final int FIRST_OWN_FD = 4;
  private static final int LAST_FD = 255;

  private final Victim victim;
  private final long launcherPid;

  Grip(Victim victim, long launcherPid) {
    this.victim = victim;
    this.launcherPid = launcherPid;
  }

  /** Stands in a list of arguments for the launcher's pid on the host. */
  enum Known {
    LAUNCHER_PID
  }

  Victim victim() {
    return victim;
  }

  /** Makes a system call; a string argument is passed as a pointer to it. */
  long call(String name, Object... arguments) {
    return call(SyscallTable.x86_64().byName(name).orElseThrow().number(), arguments);
  }

  /** As {@link #call(String, Object...)}, by number. */
  long call(long number, Object... arguments) {
    long[] raw = new long[arguments.length];
    for (int i = 0; i < raw.length; i++) {
      raw[i] =
          switch (arguments[i]) {
            case String text -> Arena.global().allocateFrom(text).address();
            case MemorySegment memory -> memory.address();
            case Number value -> value.longValue();
            case Known _ -> launcherPid;
            default -> throw new IllegalArgumentException(arguments[i].toString());
          };
    }
    return RawSyscall.call(number, raw);
  }

  /** Zeroed memory that stays. */
  static MemorySegment memory(long sizeBytes) {
    return Arena.global().allocate(sizeBytes, 16);
  }

  /** Memory that starts with these words of 64 bits. */
  static MemorySegment words(long... values) {
    MemorySegment memory = memory(Math.max(64, values.length * 8L));
    for (int i = 0; i < values.length; i++) {
      memory.setAtIndex(ValueLayout.JAVA_LONG, i, values[i]);
    }
    return memory;
  }

  /** A window's descriptor, which vmm-main keeps: a memory file that cannot shrink. */
  int windowFd() {
    for (int fd = FIRST_OWN_FD; fd <= LAST_FD; fd++) {
      long seals = call("fcntl", fd, F_GET_SEALS);
      if (seals > 0 && (seals & F_SEAL_SHRINK) != 0) {
        return fd;
      }
    }
    throw new IllegalStateException("no window held");
  }

  /** The one descriptor of a regular file that is open for writing and is no memory file. */
  int imageFd() {
    for (int fd = FIRST_OWN_FD; fd <= LAST_FD; fd++) {
      long flags = call("fcntl", fd, F_GETFL);
      if (flags >= 0
          && (flags & O_ACCMODE) == O_RDWR
          && call("fcntl", fd, F_GET_SEALS) < 0
          && call("lseek", fd, 0, SEEK_END) > 0) {
        return fd;
      }
    }
    throw new IllegalStateException("no image held");
  }

  /**
   * A descriptor that is open for reading only and has a size: the JDK's modules file or the jar.
   */
  int readOnlyFd() {
    for (int fd = FIRST_OWN_FD; fd <= LAST_FD; fd++) {
      long flags = call("fcntl", fd, F_GETFL);
      if (flags >= 0 && (flags & O_ACCMODE) == 0 && call("lseek", fd, 0, SEEK_END) > 1 << 20) {
        return fd;
      }
    }
    throw new IllegalStateException("no file held");
  }
}
