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

  /** How many: from {@code min} to {@code max}. */
  public record Count(Quantity min, Quantity max) {
    @Override
    public String toString() {
      return min.equals(max) ? min.toString() : min + ".." + max;
    }
  }

  /**
   * Descriptors that the process holds, all of one kind.
   *
   * @param passing whether it holds them only for a while: until its guest runs, or while it is
   *     saved
   */
  public record DeclaredFd(
      String name, String kind, Count count, boolean passing, String reason, SourceLine where) {}

  /**
   * Objects that the process maps shared, all of one kind. Everything else in its address space is
   * its own: anonymous, or a private mapping of the JVM's files.
   */
  public record DeclaredMapping(
      String name, String kind, Count count, String reason, SourceLine where) {}

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

  /** Kinds of object that a process may map shared, as /proc/PID/maps shows them. */
  public static final List<String> MAPPING_KINDS = List.of("memfd", "kvm-vcpu", "file");
}
