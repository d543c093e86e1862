package dev.basepoint.sandbox.jail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What the launcher may do itself, from /proc/self/status.
 *
 * @param uid effective
 * @param gid effective
 * @param full whether it holds every capability that making a sandbox without a user namespace
 *     takes
 */
public record Privilege(int uid, int gid, boolean full) {
  /** CAP_SETGID, CAP_SETUID, CAP_SYS_CHROOT, CAP_SYS_ADMIN of linux/capability.h. */
  private static final long NEEDED = 1L << 6 | 1L << 7 | 1L << 18 | 1L << 21;

  /** This process's own. */
  public static Privilege own() throws IOException {
    int uid = -1;
    int gid = -1;
    long effective = 0;
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      String[] words = line.split("\\s+", -1);
      switch (words[0]) {
        case "Uid:" -> uid = Integer.parseInt(words[2]);
        case "Gid:" -> gid = Integer.parseInt(words[2]);
        case "CapEff:" -> effective = Long.parseUnsignedLong(words[1], 16);
        default -> {}
      }
    }
    return new Privilege(uid, gid, uid == 0 && (effective & NEEDED) == NEEDED);
  }
}
