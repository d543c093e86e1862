package dev.basepoint.sandbox.jail;

import java.util.List;

/** How a JVM must be started so that the shipped policies cover all that it does once warm. */
public final class JvmFlags {
  /** Environment of such a JVM, as {@code NAME=value}. */
  static final List<String> ENVIRONMENT =
      // With no limit given, malloc counts the CPUs in a file before it makes a further arena.
      List.of("MALLOC_ARENA_MAX=2");

  private JvmFlags() {}

  /**
   * The flags.
   *
   * @param codeCacheBytes size of the code cache, committed at start
   */
  public static List<String> forFilter(long codeCacheBytes) {
    return List.of(
        // Starting a compiler thread late reads files for the number of CPUs and free memory.
        "-XX:-UseDynamicNumberOfCompilerThreads",
        "-XX:CICompilerCount=2",
        // Re-reads cgroup files now and then.
        "-XX:-UseContainerSupport",
        // All executable memory is mapped at start, so that the filter can forbid any more of it.
        "-XX:ReservedCodeCacheSize=" + codeCacheBytes,
        "-XX:InitialCodeCacheSize=" + codeCacheBytes,
        // Files and sockets below /tmp.
        "-XX:-UsePerfData",
        "-XX:+DisableAttachMechanism",
        // The C library examines standard output before its first use, but not standard error.
        "-Xlog:disable",
        "-Xlog:all=warning:stderr",
        // Nobody answers for a core or a log in an empty root.
        "-XX:-CreateCoredumpOnCrash");
  }
}
