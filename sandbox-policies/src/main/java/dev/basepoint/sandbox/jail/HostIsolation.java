package dev.basepoint.sandbox.jail;

import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.EmptyRoot;
import dev.basepoint.ipc.linux.Landlock;
import dev.basepoint.ipc.linux.NamespaceFlags;
import dev.basepoint.ipc.linux.ScriptSteps;
import dev.basepoint.ipc.linux.Seccomp;
import dev.basepoint.ipc.linux.SyscallScript;
import dev.basepoint.sandbox.policy.Namespace;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Which facilities of isolation this host offers to this user, found by using each. */
public record HostIsolation(List<Facility> facilities) {
  static final String LANDLOCK = "landlock";
  static final String SECCOMP = "seccomp with user notification";
  static final String CONTROL_GROUP = "control group";
  private static final String OWN_UID = "uid of its own";

  /** Facilities that a permissive sandbox can do without. */
  static final Set<String> OPTIONAL = Set.of(LANDLOCK, CONTROL_GROUP, "capabilities", OWN_UID);

  /** Facilities for which even a strict sandbox has a substitute; it gives notice of using it. */
  private static final Set<String> REPLACEABLE = Set.of(CONTROL_GROUP, OWN_UID);

  private static final int PROBE_UID = 65534;
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  /**
   * One facility.
   *
   * @param detail why it is missing, or what there is
   * @param spawnable whether it is tried by starting a process in it
   */
  public record Facility(String name, boolean present, String detail, boolean spawnable) {}

  public HostIsolation {
    facilities = List.copyOf(facilities);
  }

  /** What this host lacks and a strict sandbox refuses to start without. */
  public List<Facility> refusedByStrict() {
    return facilities.stream()
        .filter(facility -> !facility.present() && !REPLACEABLE.contains(facility.name()))
        .toList();
  }

  /** What this host lacks and a strict sandbox has a weaker substitute for. */
  public List<Facility> replacedByStrict() {
    return facilities.stream()
        .filter(facility -> !facility.present() && REPLACEABLE.contains(facility.name()))
        .toList();
  }

  /** Tries them all; takes a few milliseconds. */
  public static HostIsolation examine() throws IOException {
    Privilege privilege = Privilege.own();
    List<Facility> found = new ArrayList<>();
    for (Namespace namespace : Namespace.values()) {
      found.add(tried(namespace, privilege));
    }
    int abi = Landlock.abi();
    found.add(
        new Facility(
            LANDLOCK, abi > 0, abi > 0 ? "ABI version " + abi : "the kernel has none", false));
    boolean seccomp = Seccomp.available();
    found.add(new Facility(SECCOMP, seccomp, seccomp ? "" : "the kernel has none", false));
    String problem = ControlGroup.find().problem();
    found.add(
        new Facility(
            CONTROL_GROUP,
            problem.isEmpty(),
            problem.isEmpty() ? "memory and pids" : problem + "; resource limits stand in",
            false));
    found.add(
        new Facility(
            OWN_UID,
            privilege.full(),
            privilege.full() ? "" : "all processes run as uid " + privilege.uid(),
            false));
    return new HostIsolation(found);
  }

  private static Facility tried(Namespace namespace, Privilege privilege) throws IOException {
    String name = namespace.id() + " namespace";
    long flags = privilege.full() ? 0 : NamespaceFlags.CLONE_NEWUSER;
    try (SyscallScript script = new SyscallScript()) {
      ScriptSteps steps = new ScriptSteps(script);
      if (!privilege.full()) {
        steps.mapOwnIds(privilege.uid(), privilege.gid());
      }
      switch (namespace) {
        case USER -> {
          if (privilege.full()) {
            steps.becomeUser(PROBE_UID).unshare(NamespaceFlags.CLONE_NEWUSER);
          }
        }
        case MOUNT -> {
          flags |= NamespaceFlags.CLONE_NEWNS;
          EmptyRoot.append(script, List.of());
        }
        case PID -> flags |= NamespaceFlags.CLONE_NEWPID;
        case NET -> flags |= NamespaceFlags.CLONE_NEWNET;
        case IPC -> flags |= NamespaceFlags.CLONE_NEWIPC;
        case UTS -> {
          flags |= NamespaceFlags.CLONE_NEWUTS;
          steps.hostName("probe");
        }
        case CGROUP -> flags |= NamespaceFlags.CLONE_NEWCGROUP;
      }
      steps.exit();
      try (ChildProcess probe = script.spawn(flags)) {
        probe.awaitExit(System.nanoTime() + PATIENCE.toNanos());
      }
      return new Facility(name, true, "", true);
    } catch (SyscallScript.Failure failure) {
      return new Facility(name, false, failure.getMessage(), true);
    }
  }
}
