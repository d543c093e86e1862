package dev.basepoint.launcher.doctor;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Landlock;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.sandbox.jail.HostIsolation;
import dev.basepoint.sandbox.jail.HostIsolation.Facility;
import dev.basepoint.sandbox.policy.Namespace;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** What processes can be locked in with: namespaces, seccomp, Landlock, memfd seals. */
final class IsolationChecks {
  private static final String AREA = "isolation";
  private static final String STRICT = "strict sandbox";

  /** Landlock ABI 5 controls ioctls on devices, 6 signals and abstract sockets. */
  private static final int LANDLOCK_ABI_WANTED = 6;

  private static final Set<String> SECCOMP_ACTIONS = Set.of("errno", "user_notif");

  private final HostFiles files;
  private final HostIsolation isolation;

  IsolationChecks(HostFiles files, HostIsolation isolation) {
    this.files = files;
    this.isolation = isolation;
  }

  List<Finding> inspect() {
    List<Finding> findings = new ArrayList<>();
    for (Namespace namespace : Namespace.values()) {
      findings.add(namespace(namespace));
    }
    findings.add(seccomp());
    findings.add(landlock());
    findings.add(strictSandbox());
    findings.add(memfd().asRequired());
    return findings;
  }

  private Finding namespace(Namespace namespace) {
    String feature = namespace.id() + " namespace";
    String link = namespace == Namespace.MOUNT ? "mnt" : namespace.id();
    Optional<Facility> missing =
        isolation.facilities().stream()
            .filter(facility -> facility.name().equals(feature) && !facility.present())
            .findFirst();
    if (missing.isEmpty()) {
      return Finding.ok(AREA, feature, "was made in a trial");
    }
    if (!files.exists("/proc/self/ns/" + link)) {
      return Finding.missing(
          AREA, feature, "not in this kernel", "processes cannot be separated by it");
    }
    if (files.number("/proc/sys/user/max_" + link + "_namespaces").orElse(1L) == 0) {
      return Finding.missing(
          AREA,
          feature,
          "forbidden by /proc/sys/user",
          "raise user.max_" + link + "_namespaces with sysctl");
    }
    return Finding.missing(
        AREA,
        feature,
        missing.get().detail(),
        "run as root, or allow unprivileged user namespaces on this host");
  }

  /** Whether a process can be locked in as its policy demands. */
  private Finding strictSandbox() {
    List<Facility> refused = isolation.refusedByStrict();
    if (!refused.isEmpty()) {
      return Finding.missing(
          AREA,
          STRICT,
          "lacks: " + names(refused),
          "the strict sandbox does not start a process without them; see the finding about each");
    }
    List<Facility> replaced = isolation.replacedByStrict();
    if (!replaced.isEmpty()) {
      return Finding.degraded(
          AREA,
          STRICT,
          "works without: " + names(replaced),
          "for all of it run as root, where control groups for memory and pids are writable");
    }
    return Finding.ok(AREA, STRICT, "all of its " + isolation.facilities().size() + " facilities");
  }

  /** For a host that could not be examined. */
  static Finding unknown(IOException problem) {
    return Finding.missing(
        AREA,
        STRICT,
        "the host could not be examined: " + problem.getMessage(),
        "see whether /proc is mounted and readable");
  }

  private static String names(List<Facility> facilities) {
    return facilities.stream()
        .map(f -> f.detail().isEmpty() ? f.name() : f.name() + " (" + f.detail() + ")")
        .collect(Collectors.joining(", "));
  }

  private Finding seccomp() {
    String actions = files.text("/proc/sys/kernel/seccomp/actions_avail").orElse("");
    if (files.field("/proc/self/status", "Seccomp").isEmpty() || actions.isEmpty()) {
      return Finding.missing(
          AREA, "seccomp", "not in this kernel", "system calls cannot be filtered");
    }
    boolean complete = Set.of(actions.split(" +", -1)).containsAll(SECCOMP_ACTIONS);
    return complete
        ? Finding.ok(AREA, "seccomp", actions)
        : Finding.degraded(
            AREA, "seccomp", actions, "errno and user_notif are needed; use Linux 5.11");
  }

  private static Finding landlock() {
    int version = Landlock.abi();
    if (version == 0) {
      return Finding.missing(
          AREA,
          "Landlock",
          "not in this kernel, or switched off",
          "file access is restricted by empty roots alone; add landlock to the lsm= boot option");
    }
    return version >= LANDLOCK_ABI_WANTED
        ? Finding.ok(AREA, "Landlock", "ABI " + version)
        : Finding.degraded(
            AREA,
            "Landlock",
            "ABI " + version,
            "files are protected; signals and abstract sockets need ABI 6 (Linux 6.12)");
  }

  private static Finding memfd() {
    try (Fd memfd = MemFd.create("doctor", 4096)) {
      int seals = MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW | MemFd.F_SEAL_SEAL;
      MemFd.seal(memfd, seals);
      MemFd.requireSeals(memfd, seals);
      return Finding.ok(AREA, "memfd and seals", "made and sealed in a trial");
    } catch (ErrnoException e) {
      return Finding.missing(
          AREA, "memfd and seals", e.getMessage(), "devices need shared memory; use Linux 5.10");
    }
  }
}
