package dev.basepoint.tests.escape;

import static dev.basepoint.tests.escape.Attempt.held;

import dev.basepoint.tests.escape.Attempt.Stage;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** Reaching for files. */
final class Files {
  static final int AT_FDCWD = -100;
  private static final int O_RDONLY = 0;
  private static final int O_RDWR = 2;
  private static final int O_CREAT = 0100;
  private static final int S_IFCHR = 0x2000;
  private static final int KVM_DEVICE = 10 << 8 | 232;
  private static final int IN_ALL_EVENTS = 0xfff;

  private Files() {}

  static List<Attempt> attempts() {
    String jar = System.getProperty("java.class.path");
    return List.of(
        held("open-passwd", "openat", AT_FDCWD, "/etc/passwd", O_RDONLY, 0),
        held("create-file", "openat", AT_FDCWD, "/tmp/new", O_RDWR | O_CREAT, 0600),
        held("open-own-memory", "openat", AT_FDCWD, "/proc/self/mem", O_RDWR, 0),
        held("open-proc-of-other", "openat", AT_FDCWD, "/proc/1/environ", O_RDONLY, 0),
        held("open-dev-kvm", "openat", AT_FDCWD, "/dev/kvm", O_RDWR, 0),
        held(
            "java-reads-file",
            Set.of("openat", "newfstatat", "stat"),
            _ -> java.nio.file.Files.readAllBytes(Path.of("/etc/passwd")).length),
        held("open-old-call", "open", "/etc/shadow", O_RDONLY, 0).in(Stage.PERMISSIVE),
        held("openat2", "openat2", AT_FDCWD, "/etc/passwd", Grip.memory(24), 24)
            .in(Stage.PERMISSIVE),
        held("open-own-jar-to-write", "openat", AT_FDCWD, jar, O_RDWR, 0).in(Stage.PERMISSIVE),
        held("creat", "creat", "/new", 0600).in(Stage.PERMISSIVE),
        held("make-directory", "mkdirat", AT_FDCWD, "/new", 0700).in(Stage.PERMISSIVE),
        held("make-kvm-node", "mknodat", AT_FDCWD, "/kvm", S_IFCHR | 0666, KVM_DEVICE)
            .in(Stage.PERMISSIVE),
        held("remove-file", "unlinkat", AT_FDCWD, jar, 0).in(Stage.PERMISSIVE),
        held("rename-file", "renameat2", AT_FDCWD, jar, AT_FDCWD, "/new", 0).in(Stage.PERMISSIVE),
        held("hard-link", "linkat", AT_FDCWD, jar, AT_FDCWD, "/new", 0).in(Stage.PERMISSIVE),
        held("symbolic-link", "symlinkat", "/etc", AT_FDCWD, "/new").in(Stage.PERMISSIVE),
        held("change-mode", "fchmodat", AT_FDCWD, jar, 0777).in(Stage.PERMISSIVE),
        held("change-owner", "fchownat", AT_FDCWD, jar, 0, 0, 0).in(Stage.PERMISSIVE),
        held("truncate-path", "truncate", jar, 0).in(Stage.PERMISSIVE),
        held("set-attribute", "setxattr", jar, "user.a", Grip.memory(8), 8, 0).in(Stage.PERMISSIVE),
        held("open-by-handle", "open_by_handle_at", AT_FDCWD, Grip.words(8, 1), O_RDONLY)
            .in(Stage.PERMISSIVE),
        held("list-directory", "getdents64", AT_FDCWD, Grip.memory(512), 512).in(Stage.PERMISSIVE),
        held("watch-files", "inotify_add_watch", AT_FDCWD, "/", IN_ALL_EVENTS).in(Stage.PERMISSIVE),
        held("stat-path", "stat", "/etc/passwd", Grip.memory(256)).in(Stage.PERMISSIVE),
        held("read-link", "readlinkat", AT_FDCWD, "/proc/self/exe", Grip.memory(256), 256)
            .in(Stage.PERMISSIVE));
  }
}
