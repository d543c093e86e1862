package dev.basepoint.launcher.daemon;

import dev.basepoint.launcher.basepoint.StateDirectory;

/**
 * Who is at the other end of a connection, by the kernel's word.
 *
 * @param pid when it connected
 */
record Peer(int pid, int uid) {
  /** Whether a daemon of user {@code daemonUid} serves the peer. */
  boolean mayUse(int daemonUid) {
    return uid == daemonUid || uid == 0;
  }

  /** Whose the peer's objects are unless it says otherwise. */
  String tenant() {
    return StateDirectory.tenantOf(uid);
  }
}
