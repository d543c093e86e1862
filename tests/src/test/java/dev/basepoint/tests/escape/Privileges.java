package dev.basepoint.tests.escape;

import static dev.basepoint.tests.escape.Attempt.held;
import static dev.basepoint.tests.escape.Files.AT_FDCWD;

import dev.basepoint.tests.escape.Attempt.Stage;
import java.util.List;

/** Becoming somebody else, or going somewhere else. */
final class Privileges {
  private static final long CLONE_NEWNS = 0x2_0000;
  private static final long CLONE_NEWUSER = 0x1000_0000;
  private static final long MS_BIND = 0x1000;
  private static final int PR_SET_DUMPABLE = 4;
  private static final int PR_SET_KEEPCAPS = 8;
  private static final int PR_SET_SECCOMP = 22;
  private static final int PR_SET_MM = 35;
  private static final int PR_CAP_AMBIENT = 47;
  private static final int PR_SET_PTRACER = 0x5961_6d61;
  private static final int SECCOMP_SET_MODE_FILTER = 1;
  private static final long LINUX_CAPABILITY_VERSION_3 = 0x2008_0522L;

  private Privileges() {}

  static List<Attempt> attempts() {
    return List.of(
        held("mount", "mount", "/", "/tmp", 0, MS_BIND, 0),
        held("unshare", "unshare", CLONE_NEWUSER),
        held("join-namespace", "setns", 3, 0),
        held("change-root", "chroot", "/"),
        held("pivot-root", "pivot_root", "/", "/").in(Stage.PERMISSIVE),
        held("become-root", "setuid", 0),
        held(
            "take-capabilities",
            "capset",
            Grip.words(LINUX_CAPABILITY_VERSION_3),
            Grip.words(-1, -1, -1)),
        held("become-dumpable", "prctl", PR_SET_DUMPABLE, 1, 0, 0, 0).in(Stage.PERMISSIVE),
        held("unmount", "umount2", "/", 2).in(Stage.PERMISSIVE),
        held("open-file-system", "fsopen", "tmpfs", 0).in(Stage.PERMISSIVE),
        held("clone-tree", "open_tree", AT_FDCWD, "/", 1).in(Stage.PERMISSIVE),
        held("move-mount", "move_mount", AT_FDCWD, "/", AT_FDCWD, "/", 0).in(Stage.PERMISSIVE),
        held("mount-attributes", "mount_setattr", AT_FDCWD, "/", 0, Grip.memory(32), 32)
            .in(Stage.PERMISSIVE),
        held("unshare-mounts", "unshare", CLONE_NEWNS).in(Stage.PERMISSIVE),
        held("become-root-group", "setgid", 0).in(Stage.PERMISSIVE),
        held("become-root-thrice", "setresuid", 0, 0, 0).in(Stage.PERMISSIVE),
        held("drop-groups", "setgroups", 0, 0).in(Stage.PERMISSIVE),
        held("new-session", "setsid").in(Stage.PERMISSIVE),
        held("keep-capabilities", "prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0),
        held("ambient-capability", "prctl", PR_CAP_AMBIENT, 2, 21, 0, 0).in(Stage.PERMISSIVE),
        held("let-all-trace", "prctl", PR_SET_PTRACER, -1, 0, 0, 0).in(Stage.PERMISSIVE),
        held("move-own-image", "prctl", PR_SET_MM, 1, 0, 0, 0).in(Stage.PERMISSIVE),
        held("old-filter", "prctl", PR_SET_SECCOMP, 2, 0, 0, 0).in(Stage.PERMISSIVE),
        held("own-filter", "seccomp", SECCOMP_SET_MODE_FILTER, 0, 0).in(Stage.PERMISSIVE),
        held("landlock-rules", "landlock_create_ruleset", 0, 0, 0).in(Stage.PERMISSIVE),
        held("host-name", "sethostname", "owned", 5).in(Stage.PERMISSIVE));
  }
}
