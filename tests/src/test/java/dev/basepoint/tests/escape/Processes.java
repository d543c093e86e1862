package dev.basepoint.tests.escape;

import static dev.basepoint.tests.escape.Attempt.held;

import dev.basepoint.tests.escape.Attempt.Stage;
import dev.basepoint.tests.escape.Grip.Known;
import java.util.List;
import java.util.Set;

/** Making processes, and reaching for those of others. */
final class Processes {
  private static final int SIGCHLD = 17;
  private static final int SIGKILL = 9;
  private static final long CLONE_VM_VFORK = 0x100 | 0x4000;
  private static final long CLONE_AS_THREAD = 0x3d_0f00;
  private static final long CLONE_NEWUSER = 0x1000_0000;
  private static final int PTRACE_TRACEME = 0;
  private static final int PTRACE_ATTACH = 16;
  private static final int PTRACE_SEIZE = 0x4206;
  private static final int WNOHANG = 1;

  private Processes() {}

  static List<Attempt> attempts() {
    return List.of(
        held("fork", "fork").in(Stage.STRICT),
        held("vfork", "vfork").in(Stage.STRICT),
        held("clone-process", "clone", SIGCHLD, 0, 0, 0, 0).in(Stage.STRICT),
        held("clone-shared-process", "clone", CLONE_VM_VFORK, 0, 0, 0, 0).in(Stage.STRICT),
        held("clone-user-namespace", "clone", CLONE_AS_THREAD | CLONE_NEWUSER, 0, 0, 0, 0)
            .in(Stage.STRICT),
        held("exec", "execve", "/bin/sh", Grip.words(0), Grip.words(0)),
        held(
                "java-exec",
                Set.of("pipe", "pipe2", "openat", "newfstatat", "stat", "access", "readlink"),
                _ -> new ProcessBuilder("/bin/true").start().pid())
            .in(Stage.STRICT),
        held("exec-by-descriptor", "execveat", 0, "", Grip.words(0), Grip.words(0), 0x1000)
            .in(Stage.PERMISSIVE),
        held("ptrace", "ptrace", PTRACE_ATTACH, Known.LAUNCHER_PID, 0, 0),
        held("ptrace-self", "ptrace", PTRACE_TRACEME, 0, 0, 0).in(Stage.STRICT),
        held("ptrace-seize", "ptrace", PTRACE_SEIZE, Known.LAUNCHER_PID, 0, 0).in(Stage.PERMISSIVE),
        held(
            "read-other-memory", "process_vm_readv", Known.LAUNCHER_PID, iovec(), 1, iovec(), 1, 0),
        held(
            "write-other-memory",
            "process_vm_writev",
            Known.LAUNCHER_PID,
            iovec(),
            1,
            iovec(),
            1,
            0),
        held("kill-launcher", "kill", Known.LAUNCHER_PID, SIGKILL),
        held("kill-everybody", "kill", -1, SIGKILL).in(Stage.STRICT),
        held("thread-signal-launcher", "tgkill", Known.LAUNCHER_PID, Known.LAUNCHER_PID, SIGKILL),
        held("open-launcher-pidfd", "pidfd_open", Known.LAUNCHER_PID, 0).in(Stage.PERMISSIVE),
        held("old-thread-signal", "tkill", Known.LAUNCHER_PID, SIGKILL).in(Stage.PERMISSIVE),
        held("queue-signal", "rt_sigqueueinfo", Known.LAUNCHER_PID, SIGKILL, Grip.memory(128))
            .in(Stage.PERMISSIVE),
        held("pidfd-signal", "pidfd_send_signal", 3, SIGKILL, 0, 0).in(Stage.PERMISSIVE),
        held("take-descriptor", "pidfd_getfd", 3, 0, 0).in(Stage.PERMISSIVE),
        held("compare-processes", "kcmp", 1, Known.LAUNCHER_PID, 0, 0, 0).in(Stage.PERMISSIVE),
        held("parent-pid", "getppid").in(Stage.PERMISSIVE),
        held("wait-for-others", "wait4", -1, 0, WNOHANG, 0).in(Stage.PERMISSIVE),
        held("raise-limit", "prlimit64", 0, 7, Grip.words(1 << 20, 1 << 20), 0)
            .in(Stage.PERMISSIVE),
        held("limit-of-launcher", "prlimit64", Known.LAUNCHER_PID, 7, 0, Grip.memory(16))
            .in(Stage.PERMISSIVE),
        held("priority", "setpriority", 0, 0, -20).in(Stage.PERMISSIVE),
        held("real-time", "sched_setscheduler", 0, 1, Grip.words(50)).in(Stage.PERMISSIVE),
        held("advise-launcher", "process_madvise", 3, iovec(), 1, 21, 0).in(Stage.PERMISSIVE));
  }

  /** A {@code struct iovec} of eight bytes of our own. */
  private static java.lang.foreign.MemorySegment iovec() {
    return Grip.words(Grip.memory(8).address(), 8);
  }
}
