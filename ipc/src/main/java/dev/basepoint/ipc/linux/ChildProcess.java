package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;

/**
 * A child started by posix_spawn(3) that holds exactly the descriptors it was given, and its pidfd.
 */
public final class ChildProcess implements AutoCloseable {
  private static final int P_PIDFD = 3;
  private static final int WNOHANG = 1;
  private static final int WEXITED = 4;
  private static final int CLD_EXITED = 1;
  private static final short POSIX_SPAWN_SETPGROUP = 0x02;
  private static final short POSIX_SPAWN_SETSIGDEF = 0x04;
  private static final short POSIX_SPAWN_SETSIGMASK = 0x08;

  /** Sizes of glibc's opaque structures on x86-64, rounded up. */
  private static final int FILE_ACTIONS_BYTES = 128;

  private static final int ATTRIBUTES_BYTES = 512;
  private static final int SIGSET_BYTES = 128;

  private final int pid;
  private final Fd pidfd;
  private Exit exit;

  private ChildProcess(int pid, Fd pidfd) {
    this.pid = pid;
    this.pidfd = pidfd;
  }

  /** How a child ended: exactly one of the two is set, the other is -1. */
  public record Exit(int status, int signal) {
    @Override
    public String toString() {
      return signal >= 0 ? "signal " + signal : "exit status " + status;
    }
  }

  /** Function handles, made when the first child is spawned. */
  private static final class Spawn {
    static final MethodHandle POSIX_SPAWN = Libc.handle("posix_spawn");
    static final MethodHandle ACTIONS_INIT = Libc.handle("posix_spawn_file_actions_init");
    static final MethodHandle ACTIONS_DUP2 = Libc.handle("posix_spawn_file_actions_adddup2");
    static final MethodHandle ACTIONS_CLOSEFROM =
        Libc.handle("posix_spawn_file_actions_addclosefrom_np");
    static final MethodHandle ACTIONS_DESTROY = Libc.handle("posix_spawn_file_actions_destroy");
    static final MethodHandle ATTR_INIT = Libc.handle("posix_spawnattr_init");
    static final MethodHandle ATTR_SETFLAGS = Libc.handle("posix_spawnattr_setflags");
    static final MethodHandle ATTR_SETSIGDEFAULT = Libc.handle("posix_spawnattr_setsigdefault");
    static final MethodHandle ATTR_DESTROY = Libc.handle("posix_spawnattr_destroy");
  }

  /**
   * Starts {@code argv[0]}, an absolute path, in a process group of its own.
   *
   * @param argv the program and its arguments
   * @param environment {@code NAME=value} strings; nothing is inherited
   * @param fds descriptor i of the list becomes descriptor i of the child; all others are closed
   * @throws ErrnoException if the program cannot be started
   */
  public static ChildProcess spawn(List<String> argv, List<String> environment, List<Fd> fds)
      throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment actions = arena.allocate(FILE_ACTIONS_BYTES, 16);
      MemorySegment attributes = arena.allocate(ATTRIBUTES_BYTES, 16);
      MemorySegment allSignals = arena.allocate(SIGSET_BYTES, 8);
      allSignals.fill((byte) 0xff);
      check(call(Spawn.ACTIONS_INIT, actions.address(), 0, 0), "posix_spawn_file_actions_init");
      check(call(Spawn.ATTR_INIT, attributes.address(), 0, 0), "posix_spawnattr_init");
      try {
        // First out of the way of the targets: dup2 in list order could overwrite a later source.
        int above = highestNumber(fds) + 1;
        for (int i = 0; i < fds.size(); i++) {
          addDup2(actions, fds.get(i).number(), above + i);
        }
        for (int i = 0; i < fds.size(); i++) {
          addDup2(actions, above + i, i);
        }
        check(
            call(Spawn.ACTIONS_CLOSEFROM, actions.address(), fds.size(), 0),
            "posix_spawn_file_actions_addclosefrom_np");
        check(
            call(Spawn.ATTR_SETSIGDEFAULT, attributes.address(), allSignals.address(), 0),
            "posix_spawnattr_setsigdefault");
        int flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
        check(
            call(Spawn.ATTR_SETFLAGS, attributes.address(), flags, 0), "posix_spawnattr_setflags");
        MemorySegment pid = arena.allocate(ValueLayout.JAVA_INT);
        check(
            Libc.call(
                Spawn.POSIX_SPAWN,
                pid.address(),
                arena.allocateFrom(argv.getFirst()).address(),
                actions.address(),
                attributes.address(),
                stringArray(arena, argv).address(),
                stringArray(arena, environment).address()),
            "posix_spawn " + argv.getFirst());
        return adopt(pid.get(ValueLayout.JAVA_INT, 0));
      } finally {
        call(Spawn.ACTIONS_DESTROY, actions.address(), 0, 0);
        call(Spawn.ATTR_DESTROY, attributes.address(), 0, 0);
      }
    }
  }

  /** A child of this process that {@code pidfd} refers to. */
  static ChildProcess of(int pid, Fd pidfd) {
    return new ChildProcess(pid, pidfd);
  }

  private static ChildProcess adopt(int pid) throws ErrnoException {
    // Not reaped by anyone else yet, so the pid cannot have been reused.
    long pidfd = Libc.syscall(Syscalls.SYS_PIDFD_OPEN, pid, 0, 0);
    if (pidfd < 0) {
      Syscalls.kill(pid, Signals.SIGKILL);
      throw new ErrnoException("pidfd_open", (int) -pidfd);
    }
    return new ChildProcess(pid, Fd.own((int) pidfd));
  }

  private static int highestNumber(List<Fd> fds) {
    int highest = fds.size();
    for (Fd fd : fds) {
      highest = Math.max(highest, fd.number());
    }
    return highest;
  }

  private static void addDup2(MemorySegment actions, int from, int to) throws ErrnoException {
    check(
        call(Spawn.ACTIONS_DUP2, actions.address(), from, to), "posix_spawn_file_actions_adddup2");
  }

  private static MemorySegment stringArray(Arena arena, List<String> strings) {
    MemorySegment array = arena.allocate((strings.size() + 1) * 8L, 8);
    for (int i = 0; i < strings.size(); i++) {
      array.set(ValueLayout.JAVA_LONG, i * 8L, arena.allocateFrom(strings.get(i)).address());
    }
    return array;
  }

  private static int call(MethodHandle function, long a, long b, long c) {
    return Libc.call(function, a, b, c, 0, 0, 0);
  }

  private static void check(int errno, String operation) throws ErrnoException {
    if (errno != 0) {
      throw new ErrnoException(operation, errno);
    }
  }

  /** The process id, valid until the exit has been collected. */
  public int pid() {
    return pid;
  }

  /** Readable once the child has ended; for event loops. */
  public Fd pidfd() {
    return pidfd;
  }

  /** Sends {@code signal}; harmless if the child has ended. */
  public void signal(int signal) {
    if (pidfd.isOpen()) {
      Libc.syscall(Syscalls.SYS_PIDFD_SEND_SIGNAL, pidfd.number(), signal, 0);
    }
  }

  /** Collects the exit if the child has ended, else returns null. */
  public synchronized Exit pollExit() throws ErrnoException {
    if (exit == null) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment siginfo = arena.allocate(128, 8);
        ErrnoException.check(
            Libc.syscall(
                Syscalls.SYS_WAITID,
                P_PIDFD,
                pidfd.number(),
                siginfo.address(),
                WEXITED | WNOHANG,
                0,
                0),
            "waitid");
        // siginfo_t: si_code at 8, si_pid at 16 (0: nothing to report), si_status at 24.
        if (siginfo.get(ValueLayout.JAVA_INT, 16) != 0) {
          int code = siginfo.get(ValueLayout.JAVA_INT, 8);
          int status = siginfo.get(ValueLayout.JAVA_INT, 24);
          exit = code == CLD_EXITED ? new Exit(status, -1) : new Exit(-1, status);
        }
      }
    }
    return exit;
  }

  /**
   * Waits for the end of the child.
   *
   * @return how it ended, or null if the deadline passed first
   */
  public Exit awaitExit(long deadlineNanos) throws ErrnoException {
    Exit known = pollExit();
    if (known != null) {
      return known;
    }
    Poll.await(pidfd, Poll.POLLIN, deadlineNanos);
    return pollExit();
  }

  @Override
  public void close() {
    pidfd.close();
  }
}
