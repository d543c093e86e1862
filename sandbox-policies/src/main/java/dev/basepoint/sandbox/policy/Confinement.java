package dev.basepoint.sandbox.policy;

import java.util.List;
import java.util.OptionalLong;

/** Everything in a policy but the system calls; each entry knows its reason and its line. */
public final class Confinement {
  private Confinement() {}

  /** A namespace that the process gets of its own. */
  public record OwnNamespace(Namespace namespace, String reason, SourceLine where) {}

  /** Host user ids of which each process gets one that nobody else uses. */
  public record UidRange(int first, int last, String reason, SourceLine where) {}

  /** No capability in any set; there is no other form. */
  public record NoCapabilities(String reason, SourceLine where) {}

  /** Landlock: nothing but reading and running the JVM's own files; there is no other form. */
  public record LandlockJvmOnly(String reason, SourceLine where) {}

  /**
   * A resource limit, see setrlimit(2).
   *
   * @param value soft and hard limit; empty if the launcher gives it, since it depends on the VM
   * @param onceWarm whether it holds from the moment at which the process is warm, not from its
   *     start
   */
  public record ResourceLimit(
      String resource, OptionalLong value, boolean onceWarm, String reason, SourceLine where) {
    /** The kernel's number for the resource, RLIMIT_*. */
    public int number() {
      return RESOURCES.indexOf(resource);
    }
  }

  /** A control group limit, named as in cgroup version 2; empty if the launcher gives it. */
  public record CgroupLimit(String key, OptionalLong value, String reason, SourceLine where) {}

  /** Descriptors that the process may hold: from {@code min} to {@code max} of one kind. */
  public record DeclaredFd(
      String name, String kind, int min, int max, String reason, SourceLine where) {}

  /** Resources of getrlimit(2) that a policy may limit, in the order of their numbers. */
  public static final List<String> RESOURCES =
      List.of(
          "cpu",
          "fsize",
          "data",
          "stack",
          "core",
          "rss",
          "nproc",
          "nofile",
          "memlock",
          "as",
          "locks",
          "sigpending",
          "msgqueue",
          "nice",
          "rtprio",
          "rttime");

  /** Control group keys that a policy may set. */
  public static final List<String> CGROUP_KEYS = List.of("memory.max", "pids.max");

  /** Kinds of descriptor, as /proc/PID/fd shows them. */
  public static final List<String> FD_KINDS =
      List.of(
          "socket",
          "memfd",
          "eventfd",
          "epoll",
          "timerfd",
          "signalfd",
          "file",
          "null",
          "pipe",
          "kvm",
          "kvm-vm",
          "kvm-vcpu",
          "tap");
}
