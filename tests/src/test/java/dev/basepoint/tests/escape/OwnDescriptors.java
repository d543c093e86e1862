package dev.basepoint.tests.escape;

import static dev.basepoint.ipc.linux.Errno.EACCES;
import static dev.basepoint.ipc.linux.Errno.EBADF;
import static dev.basepoint.ipc.linux.Errno.EFAULT;
import static dev.basepoint.ipc.linux.Errno.EFBIG;
import static dev.basepoint.ipc.linux.Errno.EINVAL;
import static dev.basepoint.ipc.linux.Errno.ENOENT;
import static dev.basepoint.ipc.linux.Errno.ENOSYS;
import static dev.basepoint.ipc.linux.Errno.ENOTTY;
import static dev.basepoint.ipc.linux.Errno.EOPNOTSUPP;
import static dev.basepoint.ipc.linux.Errno.EPERM;
import static dev.basepoint.ipc.linux.Errno.ESRCH;
import static dev.basepoint.tests.escape.Attempt.held;
import static dev.basepoint.tests.escape.Attempt.refused;
import static dev.basepoint.tests.escape.Files.AT_FDCWD;

import dev.basepoint.tests.escape.Attempt.Stage;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Set;

/** What the filter lets through, abused; the kernel has to say no. */
final class OwnDescriptors {
  private static final int SUPERVISION_FD = 3;
  private static final int EISCONN = 106;
  private static final int O_RDWR_CREAT = 0102;
  private static final int PROT_READ_WRITE = 3;
  private static final int PROT_READ_EXEC = 5;
  private static final int MAP_SHARED = 1;
  private static final int MFD_CLOEXEC_ALLOW_SEALING = 3;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int STATX_BASIC = 0x7ff;
  private static final int FALLOC_FL_ZERO_RANGE = 0x10;
  private static final long KVM_CREATE_VM = 0xae01;
  private static final long TUNSETOFFLOAD = 0x4004_54d0L;
  private static final long KERNEL_ADDRESS = 0xffff_ffff_8100_0000L;
  private static final int KICK_SIGNAL = 36;
  private static final int FOREIGN_FD = 777;

  private OwnDescriptors() {}

  static List<Attempt> attempts() {
    String release = System.getProperty("java.home") + "/release";
    return List.of(
        refused("release-file", Set.of(ENOENT), grip -> grip.call("openat", AT_FDCWD, release, 0)),
        refused(
            "release-file-to-write",
            Set.of(ENOENT),
            grip -> grip.call("openat", AT_FDCWD, release, O_RDWR_CREAT, 0600)),
        refused(
            "overcommit-file",
            Set.of(ENOENT),
            grip -> grip.call("openat", AT_FDCWD, "/proc/sys/vm/overcommit_memory", 0, 0)),
        refused(
            "new-clone",
            Set.of(ENOSYS),
            grip -> grip.call("clone3", Grip.words(0, 0, 0, 0, 17), 64)),
        refused("write-to-input", Set.of(EBADF), grip -> grip.call("write", 0, Grip.memory(8), 1)),
        refused(
            "write-file",
            Set.of(EBADF),
            grip -> grip.call("write", grip.readOnlyFd(), Grip.memory(8), 1)),
        refused(
            "foreign-descriptor",
            Set.of(EBADF),
            grip -> grip.call("read", FOREIGN_FD, Grip.memory(8), 1)),
        refused(
            "read-kernel-memory",
            Set.of(EFAULT),
            grip -> grip.call("write", 1, KERNEL_ADDRESS, 64)),
        refused(
            "send-to-abstract-name",
            Set.of(EISCONN, EOPNOTSUPP),
            grip -> grip.call("sendmsg", SUPERVISION_FD, message(true), 0)),
        refused(
            "send-as-root",
            Set.of(EPERM, EINVAL, ESRCH),
            grip -> grip.call("sendmsg", SUPERVISION_FD, message(false), 0)),
        refused(
            "map-program-to-write",
            Set.of(EACCES, EPERM),
            grip -> grip.call("mmap", 0, 4096, PROT_READ_WRITE, MAP_SHARED, grip.readOnlyFd(), 0)),
        refused("stat-host-file", Set.of(ENOENT), grip -> statx(grip, "/etc/passwd"))
            .by(Victim.BLK),
        refused("stat-kvm", Set.of(ENOENT), grip -> statx(grip, "/dev/kvm")).by(Victim.BLK),
        refused("stat-proc", Set.of(ENOENT), grip -> statx(grip, "/proc/1")).by(Victim.BLK),
        refused(
                "grow-image",
                Set.of(EFBIG),
                grip ->
                    grip.call(
                        "pwritev",
                        grip.imageFd(),
                        Grip.words(Grip.memory(512).address(), 512),
                        1,
                        grip.call("lseek", grip.imageFd(), 0, 2)))
            .by(Victim.BLK),
        refused(
                "extend-image",
                Set.of(EFBIG),
                grip -> grip.call("fallocate", grip.imageFd(), FALLOC_FL_ZERO_RANGE, 0, 1L << 40))
            .by(Victim.BLK),
        refused(
                "transfers-without-end",
                Set.of(EINVAL, 11),
                grip -> grip.call("io_setup", Integer.MAX_VALUE, Grip.memory(8)))
            .by(Victim.BLK),
        refused(
                "offload-of-socket",
                Set.of(ENOTTY, EINVAL),
                grip -> grip.call("ioctl", SUPERVISION_FD, TUNSETOFFLOAD, 0))
            .by(Victim.NET),
        refused(
                "vm-of-socket",
                Set.of(ENOTTY, EINVAL),
                grip -> grip.call("ioctl", SUPERVISION_FD, KVM_CREATE_VM, 0))
            .by(Victim.VMM_MAIN),
        refused(
                "grow-memory-file",
                Set.of(EFBIG),
                grip ->
                    grip.call(
                        "ftruncate",
                        grip.call("memfd_create", "big", MFD_CLOEXEC_ALLOW_SEALING),
                        1L << 50))
            .by(Victim.VMM_MAIN),
        refused("shrink-window", Set.of(EPERM), grip -> grip.call("ftruncate", grip.windowFd(), 0))
            .by(Victim.VMM_MAIN),
        held(
                "map-window-as-code",
                Set.of("mmap"),
                grip -> grip.call("mmap", 0, 4096, PROT_READ_EXEC, MAP_SHARED, grip.windowFd(), 0))
            .in(Stage.STRICT)
            .by(Victim.VMM_MAIN),
        refused(
                "kick-launcher",
                Set.of(ESRCH),
                grip -> grip.call("tgkill", 1, Grip.Known.LAUNCHER_PID, KICK_SIGNAL))
            .by(Victim.VMM_MAIN));
  }

  private static long statx(Grip grip, String path) {
    return grip.call("statx", AT_FDCWD, path, AT_EMPTY_PATH, STATX_BASIC, Grip.memory(256));
  }

  /**
   * A {@code struct msghdr} with one byte, and either a name to send it to or the credentials of
   * the host's root.
   */
  private static MemorySegment message(boolean named) {
    MemorySegment control = Grip.memory(32);
    control.set(ValueLayout.JAVA_LONG, 0, 28);
    control.set(ValueLayout.JAVA_INT, 8, 1); // SOL_SOCKET
    control.set(ValueLayout.JAVA_INT, 12, 2); // SCM_CREDENTIALS
    control.set(ValueLayout.JAVA_INT, 16, 1); // pid, and uid and gid 0
    MemorySegment name = Grip.words('a' << 24 | 1);
    MemorySegment iovec = Grip.words(Grip.memory(8).address(), 1);
    return Grip.words(
        named ? name.address() : 0,
        named ? 16 : 0,
        iovec.address(),
        1,
        named ? 0 : control.address(),
        named ? 0 : 32,
        0);
  }
}
