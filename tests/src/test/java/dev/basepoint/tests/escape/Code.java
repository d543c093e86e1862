package dev.basepoint.tests.escape;

import static dev.basepoint.tests.escape.Attempt.held;

import dev.basepoint.tests.escape.Attempt.Stage;
import java.util.List;
import java.util.Set;

/** Bringing code into the process. */
final class Code {
  private static final int PROT_ALL = 7;
  private static final int PROT_READ_EXEC = 5;
  private static final int MAP_SHARED = 1;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
  private static final long PAGE_BYTES = 4096;
  private static final long READ_IMPLIES_EXEC = 0x40_0000;

  private Code() {}

  @SuppressWarnings("restricted") // Loading a library is one of the attempts.
  static List<Attempt> attempts() {
    return List.of(
        held(
            "load-library",
            Set.of("openat", "newfstatat", "stat", "readlink", "lstat"),
            _ -> {
              System.load("/usr/lib/x86_64-linux-gnu/libz.so.1");
              return 0;
            }),
        held("map-code", "mmap", 0, PAGE_BYTES, PROT_ALL, MAP_PRIVATE_ANONYMOUS, -1, 0),
        held(
            "map-file-as-code",
            Set.of("mmap"),
            grip -> map(grip, PROT_READ_EXEC, grip.readOnlyFd())),
        held("data-becomes-code", Set.of("mprotect"), grip -> protect(grip, "mprotect")),
        held("memory-file", "memfd_create", "code", 0),
        held("personality", "personality", READ_IMPLIES_EXEC).in(Stage.STRICT),
        held("descriptor-table", "modify_ldt", 1, Grip.memory(16), 16).in(Stage.PERMISSIVE),
        held("keyed-code", Set.of("pkey_mprotect"), grip -> protect(grip, "pkey_mprotect"))
            .in(Stage.PERMISSIVE),
        held("hidden-memory", "memfd_secret", 0).in(Stage.PERMISSIVE),
        held("thread-register", "arch_prctl", 0x1003, Grip.memory(8)).in(Stage.PERMISSIVE),
        held("handle-signal", "rt_sigaction", 11, 0, Grip.memory(64), 8).in(Stage.PERMISSIVE));
  }

  private static long map(Grip grip, int protection, int fd) {
    return grip.call("mmap", 0, PAGE_BYTES, protection, MAP_SHARED, fd, 0);
  }

  /** The result of making a page of our own executable; the other pages stay as they are. */
  private static long protect(Grip grip, String call) {
    long page = (Grip.memory(2 * PAGE_BYTES).address() + PAGE_BYTES - 1) & -PAGE_BYTES;
    return grip.call(call, page, PAGE_BYTES, PROT_ALL, -1);
  }
}
