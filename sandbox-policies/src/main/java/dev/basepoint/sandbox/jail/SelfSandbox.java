package dev.basepoint.sandbox.jail;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Seccomp;
import java.io.IOException;
import java.util.Optional;

/** The sandboxed process's own step. */
public final class SelfSandbox {
  private SelfSandbox() {}

  /**
   * Applies the filter to all threads, for good. Call it when everything that opens a file or loads
   * a class from one has been done, and before reading anything from a guest or a peer.
   *
   * @param filter from {@link JailedProcess#filter}
   * @param notify whether the filter was compiled to notify; the result then goes to the launcher
   *     with the next message, and must be closed here at once after that
   */
  public static Optional<Fd> apply(byte[] filter, boolean notify) throws IOException {
    return Seccomp.install(filter, notify);
  }
}
