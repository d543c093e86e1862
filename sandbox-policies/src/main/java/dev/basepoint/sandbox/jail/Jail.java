package dev.basepoint.sandbox.jail;

import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.EmptyRoot;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Landlock;
import dev.basepoint.ipc.linux.NamespaceFlags;
import dev.basepoint.ipc.linux.SandboxOrder;
import dev.basepoint.ipc.linux.ScriptSteps;
import dev.basepoint.ipc.linux.SyscallScript;
import dev.basepoint.sandbox.policy.Confinement.CgroupLimit;
import dev.basepoint.sandbox.policy.Confinement.OwnNamespace;
import dev.basepoint.sandbox.policy.Confinement.ResourceLimit;
import dev.basepoint.sandbox.policy.Namespace;
import dev.basepoint.sandbox.policy.Policy;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Starts processes inside the sandbox that a policy describes, all but its system call filter,
 * which the process applies itself ({@link SandboxOrder}) once it is warm and before it reads a
 * byte from a guest or a peer.
 *
 * <p>A launcher with full privilege gives each process a host uid of its own, builds its root as
 * root and puts it into a user namespace last, where no uid is mapped. A launcher without privilege
 * enters the user namespace first; the process then keeps the launcher's uid.
 */
public final class Jail implements AutoCloseable {
  private static final String HOST_NAME = "basepoint";
  private static final Path UID_LOCKS = Path.of("/run/basepoint-uids.lock");
  private static final int ATTEMPTS_MAX = 16;

  /** Distinguishes the control groups of this process. */
  private static final AtomicInteger GROUPS = new AtomicInteger();

  private static UidPool sharedUids;

  private final Level level;
  private final JvmFiles files;
  private final Privilege privilege;
  private final ControlGroup.Hierarchy cgroups;
  private final UidPool uids;
  private final Fd landlock;

  private Jail(
      Level level,
      JvmFiles files,
      Privilege privilege,
      ControlGroup.Hierarchy cgroups,
      UidPool uids,
      Fd landlock) {
    this.level = level;
    this.files = files;
    this.privilege = privilege;
    this.cgroups = cgroups;
    this.uids = uids;
    this.landlock = landlock;
  }

  /**
   * Prepares to start processes that see {@code files} and nothing else.
   *
   * @throws JailException if the level is strict and the host has no Landlock
   * @throws ErrnoException EACCES if the processes, under uids of their own, could not read a file
   */
  public static Jail open(Level level, JvmFiles files) throws IOException {
    Privilege privilege = Privilege.own();
    UidPool uids = privilege.full() ? sharedUids() : null;
    if (uids != null) {
      files.requireReadableByOthers();
    }
    Fd landlock = null;
    if (Landlock.abi() > 0) {
      landlock = Landlock.ruleset(files.visible());
    } else if (level == Level.STRICT) {
      throw JailException.missing(HostIsolation.LANDLOCK, "the kernel has none");
    }
    ControlGroup.Hierarchy cgroups = ControlGroup.find();
    ControlGroup.removeAbandoned(cgroups);
    return new Jail(level, files, privilege, cgroups, uids, landlock);
  }

  /** The pool of this process, open as long as it lives: closing it would free every uid. */
  private static synchronized UidPool sharedUids() throws IOException {
    if (sharedUids == null) {
      sharedUids = new UidPool(UID_LOCKS);
    }
    return sharedUids;
  }

  /** Removes the control groups of launchers that no longer live. */
  public static void removeAbandonedGroups() throws IOException {
    ControlGroup.removeAbandoned(ControlGroup.find());
  }

  /**
   * Starts a process.
   *
   * @param name distinguishes it among the host's control groups
   * @param given values for what the policy leaves to the launcher, by {@code "limit fsize"} or
   *     {@code "cgroup memory.max"}
   * @param argv the program, an absolute path among the visible files, and its arguments
   * @param environment {@code NAME=value}; what a jailed JVM needs is added
   * @param fds descriptor i of the list becomes descriptor i of the process
   * @throws JailException if the host lacks a facility and the level is strict
   */
  public JailedProcess start(
      Policy policy,
      String name,
      Map<String, Long> given,
      List<String> argv,
      List<String> environment,
      List<Fd> fds)
      throws IOException {
    Set<String> omitted = new LinkedHashSet<>();
    if (landlock == null) {
      omitted.add(HostIsolation.LANDLOCK);
    }
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      try {
        return attempt(policy, name, given, argv, environment, fds, omitted);
      } catch (SyscallScript.Failure failure) {
        Set<String> lacking = lacking(failure);
        if (level == Level.STRICT || lacking.isEmpty() || !omitted.addAll(lacking)) {
          throw JailException.missing(
              lacking.isEmpty() ? failure.primitive() : String.join(" and ", lacking),
              failure.getMessage());
        }
      }
    }
    throw new JailException("process", "no combination of this host's facilities works");
  }

  /** The facilities behind a failure; clone3 names several at once, so each is tried alone. */
  private static Set<String> lacking(SyscallScript.Failure failure) throws IOException {
    Set<String> lacking = new LinkedHashSet<>();
    for (HostIsolation.Facility facility : HostIsolation.examine().facilities()) {
      if (!facility.present() && facility.spawnable()) {
        lacking.add(facility.name());
      }
    }
    if (lacking.isEmpty() && HostIsolation.OPTIONAL.contains(failure.primitive())) {
      lacking.add(failure.primitive());
    }
    return lacking;
  }

  private JailedProcess attempt(
      Policy policy,
      String name,
      Map<String, Long> given,
      List<String> argv,
      List<String> environment,
      List<Fd> fds,
      Set<String> omitted)
      throws IOException, SyscallScript.Failure {
    Set<Namespace> namespaces = EnumSet.noneOf(Namespace.class);
    for (OwnNamespace own : policy.namespaces()) {
      if (!omitted.contains(own.namespace().id() + " namespace")) {
        namespaces.add(own.namespace());
      }
    }
    List<String> notices = new ArrayList<>();
    omitted.forEach(facility -> notices.add("without " + facility));
    String problem = cgroups.problem();
    if (!problem.isEmpty()) {
      notices.add("without control group (" + problem + "): resource limits alone bound it");
    }
    Map<String, Long> groupLimits = cgroupLimits(policy, given);
    List<SandboxOrder.Limit> lateLimits =
        limits(policy, true).stream()
            .map(limit -> new SandboxOrder.Limit(limit.number(), value(limit, given)))
            .toList();
    UidPool.Lease uid = null;
    ChildProcess process = null;
    try (SyscallScript script = new SyscallScript()) {
      uid = uids == null ? null : uids.take(policy.uids());
      compose(script, namespaces, uid, !omitted.contains(HostIsolation.LANDLOCK));
      ScriptSteps steps = new ScriptSteps(script);
      steps.keepOnly(fds);
      for (ResourceLimit limit : limits(policy, false)) {
        steps.limit(limit.number(), limit.resource(), value(limit, given));
      }
      List<String> variables = new ArrayList<>(environment);
      variables.addAll(JvmFlags.ENVIRONMENT);
      variables.add("LD_LIBRARY_PATH=" + files.libraryPath());
      steps.execute(argv, variables);
      process = script.spawn(cloneFlags(namespaces));
    } finally {
      if (process == null && uid != null) {
        uid.close();
      }
    }
    int pid = process.pid();
    // Making and joining a group takes longer than all the rest, so the process starts meanwhile.
    FutureTask<ControlGroup> joining =
        new FutureTask<>(
            () ->
                problem.isEmpty()
                    ? ControlGroup.createWith(cgroups, groupName(name), groupLimits, pid)
                    : null);
    Thread.ofPlatform().name("control-group").daemon().start(joining);
    int pidInside = namespaces.contains(Namespace.PID) ? 1 : pid;
    int owner = uid == null ? privilege.uid() : uid.uid();
    return new JailedProcess(process, pidInside, owner, notices, lateLimits, uid, joining);
  }

  private void compose(
      SyscallScript script, Set<Namespace> namespaces, UidPool.Lease uid, boolean restrictFiles) {
    ScriptSteps steps = new ScriptSteps(script);
    boolean ownUsers = namespaces.contains(Namespace.USER);
    if (ownUsers && !privilege.full()) {
      steps.mapOwnIds(privilege.uid(), privilege.gid());
    }
    if (namespaces.contains(Namespace.UTS)) {
      steps.hostName(HOST_NAME);
    }
    if (namespaces.contains(Namespace.MOUNT)) {
      EmptyRoot.append(script, files.visible());
    }
    if (uid != null && !ownUsers) {
      steps.dropBoundingSet();
    }
    if (uid != null) {
      steps.becomeUser(uid.uid());
    }
    if (uid != null && ownUsers) {
      steps.unshare(NamespaceFlags.CLONE_NEWUSER);
    }
    if (ownUsers) {
      steps.dropBoundingSet();
    }
    steps.dropCapabilities().noNewPrivileges();
    if (restrictFiles) {
      Landlock.append(script, landlock);
    }
  }

  private long cloneFlags(Set<Namespace> namespaces) {
    long flags = 0;
    for (Namespace namespace : namespaces) {
      flags |=
          switch (namespace) {
            case USER -> privilege.full() ? 0 : NamespaceFlags.CLONE_NEWUSER;
            case MOUNT -> NamespaceFlags.CLONE_NEWNS;
            case PID -> NamespaceFlags.CLONE_NEWPID;
            case NET -> NamespaceFlags.CLONE_NEWNET;
            case IPC -> NamespaceFlags.CLONE_NEWIPC;
            case UTS -> NamespaceFlags.CLONE_NEWUTS;
            case CGROUP -> NamespaceFlags.CLONE_NEWCGROUP;
          };
    }
    return flags;
  }

  private static List<ResourceLimit> limits(Policy policy, boolean onceWarm) {
    return policy.limits().stream().filter(limit -> limit.onceWarm() == onceWarm).toList();
  }

  private static long value(ResourceLimit limit, Map<String, Long> given) {
    return limit.value().orElseGet(() -> given(given, "limit " + limit.resource()));
  }

  private static Map<String, Long> cgroupLimits(Policy policy, Map<String, Long> given) {
    Map<String, Long> limits = new HashMap<>();
    for (CgroupLimit limit : policy.cgroup()) {
      limits.put(limit.key(), limit.value().orElseGet(() -> given(given, "cgroup " + limit.key())));
    }
    return limits;
  }

  private static long given(Map<String, Long> given, String key) {
    Long value = given.get(key);
    if (value == null) {
      throw new IllegalArgumentException("the policy leaves '" + key + "' to the launcher");
    }
    return value;
  }

  private static String groupName(String name) {
    return ControlGroup.PREFIX
        + ProcessHandle.current().pid()
        + "-"
        + GROUPS.incrementAndGet()
        + "-"
        + name;
  }

  @Override
  public void close() throws IOException {
    if (landlock != null) {
      landlock.close();
    }
  }
}
