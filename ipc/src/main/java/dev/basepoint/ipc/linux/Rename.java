package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;

/** Renames by renameat2(2): atomic, so that after a crash either the old or the new name holds. */
public final class Rename {
  private static final int AT_FDCWD = -100;
  private static final int RENAME_NOREPLACE = 1;
  private static final int RENAME_EXCHANGE = 2;

  private Rename() {}

  /**
   * Renames {@code from} to {@code to}.
   *
   * @throws ErrnoException EEXIST if there is a {@code to} already
   */
  public static void withoutReplacing(String from, String to) throws ErrnoException {
    renameat2(from, to, RENAME_NOREPLACE);
  }

  /**
   * Lets two existing files or directories swap their names at one instant.
   *
   * @throws ErrnoException ENOENT if one does not exist, EINVAL if the file system cannot do it
   */
  public static void exchange(String one, String other) throws ErrnoException {
    renameat2(one, other, RENAME_EXCHANGE);
  }

  private static void renameat2(String from, String to, int flags) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      ErrnoException.check(
          Libc.syscall(
              Syscalls.SYS_RENAMEAT2,
              AT_FDCWD,
              arena.allocateFrom(from).address(),
              AT_FDCWD,
              arena.allocateFrom(to).address(),
              flags,
              0),
          "rename " + from + " to " + to);
    }
  }
}
