package dev.basepoint.launcher.doctor;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Landlock;
import dev.basepoint.ipc.linux.MemFd;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** What processes can be locked in with: namespaces, seccomp, Landlock, memfd seals. */
final class IsolationChecks {
  private static final String AREA = "isolation";

  /** Landlock ABI 5 controls ioctls on devices, 6 signals and abstract sockets. */
  private static final int LANDLOCK_ABI_WANTED = 6;

  private static final Set<String> SECCOMP_ACTIONS = Set.of("kill_process", "errno", "log");

  private final HostFiles files;
  private final Tools tools;

  IsolationChecks(HostFiles files, Tools tools) {
    this.files = files;
    this.tools = tools;
  }

  List<Finding> inspect() {
    List<Finding> findings = new ArrayList<>();
    for (NamespaceKind kind : NamespaceKind.values()) {
      findings.add(namespace(kind));
    }
    findings.add(seccomp());
    findings.add(landlock());
    findings.add(memfd().asRequired());
    return findings;
  }

  private Finding namespace(NamespaceKind kind) {
    String feature = kind.key() + " namespace";
    if (!files.exists("/proc/self/ns/" + kind.link())) {
      return Finding.missing(
          AREA, feature, "not in this kernel", "processes cannot be separated by it");
    }
    if (files.number("/proc/sys/user/max_" + kind.sysctl() + "_namespaces").orElse(1L) == 0) {
      return Finding.missing(
          AREA,
          feature,
          "forbidden by /proc/sys/user",
          "raise user.max_" + kind.sysctl() + "_namespaces with sysctl");
    }
    return switch (tools.tryNamespace(kind)) {
      case Tools.Trial.Worked _ -> Finding.ok(AREA, feature, "was made in a trial");
      case Tools.Trial.Failed(String reason) ->
          Finding.missing(
              AREA,
              feature,
              reason,
              "run as root, or allow unprivileged user namespaces on this host");
      case Tools.Trial.NotTried(String reason) ->
          Finding.degraded(
              AREA, feature, "in the kernel, not tried: " + reason, "install util-linux to try it");
    };
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
            AREA, "seccomp", actions, "kill_process, errno and log are needed; use Linux 4.14");
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
