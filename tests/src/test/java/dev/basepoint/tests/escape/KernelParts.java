package dev.basepoint.tests.escape;

import static dev.basepoint.tests.escape.Attempt.held;
import static dev.basepoint.tests.escape.Attempt.killed;

import dev.basepoint.tests.escape.Attempt.Stage;
import java.util.List;
import java.util.Set;

/** Parts of the kernel that have been a way out before. */
final class KernelParts {
  private static final int SIGSYS = 31;
  private static final long X32_SYSCALL_BIT = 0x4000_0000;
  private static final int TIOCSTI = 0x5412;
  private static final long TUNSETIFF = 0x4004_54caL;
  private static final long KVM_SET_BOOT_CPU_ID = 0xae78;
  private static final long FICLONE = 0x4004_9409L;
  private static final int GETPID = 39;

  private KernelParts() {}

  static List<Attempt> attempts() {
    return List.of(
        held("keyring", "keyctl", 0, -3, 1, 0, 0),
        held("bpf", "bpf", 0, Grip.memory(128), 72),
        held("perf", "perf_event_open", Grip.words(112L << 32 | 1), 0, -1, -1, 0),
        held("user-fault", "userfaultfd", 0),
        held("io-uring", "io_uring_setup", 8, Grip.memory(128)),
        held("ioctl-terminal", "ioctl", 1, TIOCSTI, Grip.memory(8)),
        held("ioctl-of-kvm", "ioctl", 3, KVM_SET_BOOT_CPU_ID, 0).in(Stage.PERMISSIVE),
        held("ioctl-of-tap", "ioctl", 3, TUNSETIFF, Grip.memory(64)).in(Stage.PERMISSIVE),
        held("ioctl-of-file", "ioctl", 4, FICLONE, 5).in(Stage.PERMISSIVE),
        killed("x32-call", SIGSYS, grip -> grip.call(X32_SYSCALL_BIT | GETPID)),
        held("unknown-call", Set.of("syscall 5000"), grip -> grip.call(5000)).in(Stage.PERMISSIVE),
        held("add-key", "add_key", "user", "a", "b", 1, -3).in(Stage.PERMISSIVE),
        held("request-key", "request_key", "user", "a", 0, 0).in(Stage.PERMISSIVE),
        held("load-module", "finit_module", 4, "", 0).in(Stage.PERMISSIVE),
        held("boot-kernel", "kexec_load", 0, 0, 0, 0).in(Stage.PERMISSIVE),
        held("reboot", "reboot", 0xfee1_deadL, 672_274_793, 0x0123_4567, 0).in(Stage.PERMISSIVE),
        held("swap", "swapon", "/swap", 0).in(Stage.PERMISSIVE),
        held("kernel-log", "syslog", 3, Grip.memory(64), 64).in(Stage.PERMISSIVE),
        held("io-ports", "iopl", 3).in(Stage.PERMISSIVE),
        held("io-port-bits", "ioperm", 0, 8, 1).in(Stage.PERMISSIVE),
        held("set-time", "settimeofday", Grip.words(0, 0), 0).in(Stage.PERMISSIVE),
        held("accounting", "acct", "/acct").in(Stage.PERMISSIVE),
        held("quota", "quotactl", 0x80_0001, "/dev/vda", 0, 0).in(Stage.PERMISSIVE),
        held("watch-file-system", "fanotify_init", 0, 0).in(Stage.PERMISSIVE),
        held("shared-segment", "shmget", 0, 4096, 01600).in(Stage.PERMISSIVE),
        held("semaphores", "semget", 0, 1, 01600).in(Stage.PERMISSIVE),
        held("message-queue", "mq_open", "a", 0102, 0600, 0).in(Stage.PERMISSIVE),
        held("timer", "timer_create", 1, 0, Grip.memory(8)).in(Stage.PERMISSIVE),
        held("splice", "splice", 4, 0, 1, 0, 1, 0).in(Stage.PERMISSIVE),
        held("copy-range", "copy_file_range", 4, 0, 5, 0, 1, 0).in(Stage.PERMISSIVE),
        held("send-file", "sendfile", 1, 4, 0, 1).in(Stage.PERMISSIVE),
        held("pages-into-pipe", "vmsplice", 1, Grip.words(Grip.memory(8).address(), 8), 1, 0)
            .in(Stage.PERMISSIVE),
        held("move-pages", "move_pages", 0, 0, 0, 0, 0, 0).in(Stage.PERMISSIVE),
        held("pin-memory", "mlockall", 3).in(Stage.PERMISSIVE),
        held("signal-owner", "fcntl", 3, 8, 1).in(Stage.PERMISSIVE),
        held("duplicate-by-fcntl", "fcntl", 3, 0, 40).in(Stage.PERMISSIVE),
        held("duplicate", "dup", 3).in(Stage.PERMISSIVE));
  }
}
