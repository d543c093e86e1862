package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Landlock (Documentation/userspace-api/landlock.rst): a process that gives up, for itself and all
 * its descendants, whatever the file system would still allow.
 */
public final class Landlock {
  private static final int SYS_LANDLOCK_CREATE_RULESET = 444;
  private static final int SYS_LANDLOCK_ADD_RULE = 445;
  private static final int SYS_LANDLOCK_RESTRICT_SELF = 446;
  private static final int LANDLOCK_CREATE_RULESET_VERSION = 1;
  private static final int LANDLOCK_RULE_PATH_BENEATH = 1;
  private static final int RULESET_ATTR_BYTES = 24;

  private static final long LANDLOCK_ACCESS_FS_EXECUTE = 1;
  private static final long LANDLOCK_ACCESS_FS_READ_FILE = 1 << 2;
  private static final long LANDLOCK_ACCESS_FS_READ_DIR = 1 << 3;

  private static final int AT_FDCWD = -100;
  private static final int O_PATH = 0x20_0000;
  private static final int O_CLOEXEC = 0x8_0000;

  private Landlock() {}

  /** The kernel's Landlock ABI version, 0 if it has none. */
  public static int abi() {
    long version = Libc.syscall(SYS_LANDLOCK_CREATE_RULESET, 0, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return (int) Math.max(0, version);
  }

  /** All file system rights that ABI {@code version} can deny. */
  private static long fileRights(int version) {
    return switch (version) {
      case 1 -> 0x1fff;
      case 2 -> 0x3fff;
      case 3, 4 -> 0x7fff;
      default -> 0xffff;
    };
  }

  /** TCP bind and connect can be denied from version 4 on. */
  private static long netRights(int version) {
    return version >= 4 ? 3 : 0;
  }

  /** Abstract sockets and signals out of the domain can be denied from version 6 on. */
  private static long scopes(int version) {
    return version >= 6 ? 3 : 0;
  }

  /**
   * Makes a rule set that denies everything but reading {@code files}, and running those that are
   * executable files. It binds nobody until {@link #append}.
   *
   * @throws ErrnoException if a file is missing or the kernel has no Landlock
   */
  public static Fd ruleset(List<EmptyRoot.Visible> files) throws ErrnoException {
    int version = abi();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attr = arena.allocate(RULESET_ATTR_BYTES, 8);
      attr.set(ValueLayout.JAVA_LONG, 0, fileRights(version));
      attr.set(ValueLayout.JAVA_LONG, 8, netRights(version));
      attr.set(ValueLayout.JAVA_LONG, 16, scopes(version));
      Fd ruleset =
          Fd.own(
              (int)
                  ErrnoException.check(
                      Libc.syscall(
                          SYS_LANDLOCK_CREATE_RULESET, attr.address(), attrBytes(version), 0),
                      "landlock_create_ruleset"));
      for (EmptyRoot.Visible file : files) {
        allow(arena, ruleset, file);
      }
      return ruleset;
    }
  }

  private static void allow(Arena arena, Fd ruleset, EmptyRoot.Visible file) throws ErrnoException {
    long path =
        ErrnoException.check(
            Libc.syscall(
                Syscalls.SYS_OPENAT,
                AT_FDCWD,
                arena.allocateFrom(file.source()).address(),
                O_PATH | O_CLOEXEC),
            "open " + file.source());
    try (Fd opened = Fd.own((int) path)) {
      long rights = LANDLOCK_ACCESS_FS_READ_FILE;
      if (file.directory()) {
        rights |= LANDLOCK_ACCESS_FS_READ_DIR;
      } else if (file.executable()) {
        rights |= LANDLOCK_ACCESS_FS_EXECUTE;
      }
      // struct landlock_path_beneath_attr, packed: u64 allowed_access, s32 parent_fd
      MemorySegment rule = arena.allocate(16, 8);
      rule.set(ValueLayout.JAVA_LONG, 0, rights);
      rule.set(ValueLayout.JAVA_INT, 8, opened.number());
      ErrnoException.check(
          Libc.syscall(
              SYS_LANDLOCK_ADD_RULE,
              ruleset.number(),
              LANDLOCK_RULE_PATH_BENEATH,
              rule.address(),
              0,
              0,
              0),
          "landlock_add_rule " + file.path());
    }
  }

  /** Appends the step that binds the process to {@code ruleset}; no_new_privs must be set. */
  public static void append(SyscallScript script, Fd ruleset) {
    script
        .needs("landlock")
        .call("landlock_restrict_self", SYS_LANDLOCK_RESTRICT_SELF, ruleset.number(), 0);
  }

  private static long attrBytes(int version) {
    return version >= 6 ? 24 : version >= 4 ? 16 : 8;
  }
}
