package dev.basepoint.ipc.linux;

/**
 * Ends the process at once.
 *
 * <p>A JVM that halts first waits up to 300 ms for threads that are inside native code, and a child
 * of ours always has some, in epoll_wait or KVM_RUN. exit_group(2) waits for nobody.
 */
public final class ProcessExit {
  /**
   * Set while a start-up cache is recorded: the JVM writes it on its way out, so that one time it
   * must be the JVM's own way.
   */
  public static final String TRAINING_PROPERTY = "vmm.training";

  private static final int SYS_EXIT_GROUP = 231;

  private ProcessExit() {}

  /** Ends the process with exit status {@code status}; runs no shutdown hooks, never returns. */
  public static void now(int status) {
    if (!Boolean.getBoolean(TRAINING_PROPERTY)) {
      Libc.syscall(SYS_EXIT_GROUP, status, 0, 0);
    }
    Runtime.getRuntime().halt(status);
  }
}
