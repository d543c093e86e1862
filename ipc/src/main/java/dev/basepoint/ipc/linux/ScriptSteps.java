package dev.basepoint.ipc.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The steps of a {@link SyscallScript} that change what a process is and holds. */
public final class ScriptSteps {
  private static final int SYS_RT_SIGPROCMASK = 14;
  private static final int SYS_DUP2 = 33;
  private static final int SYS_EXECVE = 59;
  private static final int SYS_SETSID = 112;
  private static final int SYS_SETGROUPS = 116;
  private static final int SYS_SETRESUID = 117;
  private static final int SYS_SETRESGID = 119;
  private static final int SYS_CAPSET = 126;
  private static final int SYS_PRCTL = 157;
  private static final int SYS_SETHOSTNAME = 170;
  private static final int SYS_SETDOMAINNAME = 171;
  private static final int SYS_EXIT_GROUP = 231;
  private static final int SYS_UNSHARE = 272;
  private static final int SYS_CLOSE_RANGE = 436;

  private static final int AT_FDCWD = -100;
  private static final int O_WRONLY = 1;
  private static final int SIG_SETMASK = 2;
  private static final int PR_CAPBSET_READ = 23;
  private static final int PR_CAPBSET_DROP = 24;
  private static final int PR_SET_NO_NEW_PRIVS = 38;
  private static final int PR_CAP_AMBIENT = 47;
  private static final int PR_CAP_AMBIENT_CLEAR_ALL = 4;
  private static final int LINUX_CAPABILITY_VERSION_3 = 0x2008_0522;

  private final SyscallScript script;

  /** Appends to {@code script}. */
  public ScriptSteps(SyscallScript script) {
    this.script = script;
  }

  /** Enters further new namespaces, by CLONE_NEW* flags. */
  public ScriptSteps unshare(long namespaceFlags) {
    String name = NamespaceFlags.describe(namespaceFlags);
    script.needs(name).call("unshare " + name, SYS_UNSHARE, namespaceFlags);
    return this;
  }

  /**
   * Maps one uid and one gid of the parent's user namespace to themselves, which the owner of a new
   * user namespace may do without privilege once it has given up setgroups(2).
   */
  public ScriptSteps mapOwnIds(int uid, int gid) {
    script.needs("user namespace");
    writeFile("/proc/self/setgroups", "deny");
    writeFile("/proc/self/uid_map", uid + " " + uid + " 1");
    writeFile("/proc/self/gid_map", gid + " " + gid + " 1");
    return this;
  }

  private void writeFile(String path, String text) {
    script
        .call("open " + path, Syscalls.SYS_OPENAT, AT_FDCWD, address(path), O_WRONLY, 0)
        .resultToArgument(1, 0)
        .call("write " + path, Syscalls.SYS_WRITE, -1, address(text), text.length());
  }

  /** Names the host inside a UTS namespace of the process's own. */
  public ScriptSteps hostName(String name) {
    int length = name.getBytes(StandardCharsets.UTF_8).length;
    script
        .needs("uts namespace")
        .call("sethostname", SYS_SETHOSTNAME, address(name), length)
        .call("setdomainname", SYS_SETDOMAINNAME, address(""), 0);
    return this;
  }

  /** Becomes {@code id}, user and group, for good, without supplementary groups. */
  public ScriptSteps becomeUser(int id) {
    script
        .needs("uid of its own")
        .call("setgroups", SYS_SETGROUPS, 0, 0)
        .call("setresgid " + id, SYS_SETRESGID, id, id, id)
        .call("setresuid " + id, SYS_SETRESUID, id, id, id);
    return this;
  }

  /** Empties the bounding set, which takes CAP_SETPCAP: no execve can give a capability back. */
  public ScriptSteps dropBoundingSet() {
    script.needs("capabilities");
    for (int cap = 0; Libc.syscall(SYS_PRCTL, PR_CAPBSET_READ, cap, 0) >= 0; cap++) {
      script.call("drop capability " + cap, SYS_PRCTL, PR_CAPBSET_DROP, cap, 0, 0, 0);
    }
    return this;
  }

  /** Leaves the effective, permitted, inheritable and ambient capability sets empty. */
  public ScriptSteps dropCapabilities() {
    MemorySegment header = script.bytes(8);
    header.set(ValueLayout.JAVA_INT, 0, LINUX_CAPABILITY_VERSION_3);
    script
        .needs("capabilities")
        .call(
            "clear ambient capabilities",
            SYS_PRCTL,
            PR_CAP_AMBIENT,
            PR_CAP_AMBIENT_CLEAR_ALL,
            0,
            0,
            0)
        .call("capset", SYS_CAPSET, header.address(), script.bytes(24).address());
    return this;
  }

  /** No execve will ever raise a privilege. */
  public ScriptSteps noNewPrivileges() {
    script.needs("no_new_privs").call("no_new_privs", SYS_PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return this;
  }

  /** Sets soft and hard limit of a resource (RLIMIT_* number). */
  public ScriptSteps limit(int resource, String name, long value) {
    MemorySegment limit = script.bytes(16);
    limit.set(ValueLayout.JAVA_LONG, 0, value);
    limit.set(ValueLayout.JAVA_LONG, 8, value);
    script
        .needs("resource limit")
        .call("limit " + name, Syscalls.SYS_PRLIMIT64, 0, resource, limit.address(), 0);
    return this;
  }

  /** Descriptor i of {@code fds} becomes descriptor i of the process; all others are closed. */
  public ScriptSteps keepOnly(List<Fd> fds) {
    script.needs("process");
    int above = fds.size();
    for (Fd fd : fds) {
      above = Math.max(above, fd.number() + 1);
    }
    // First out of the way of the targets: dup2 in list order could overwrite a later source.
    for (int i = 0; i < fds.size(); i++) {
      script.call("dup2 " + fds.get(i), SYS_DUP2, fds.get(i).number(), above + i);
    }
    for (int i = 0; i < fds.size(); i++) {
      script.call("dup2 to " + i, SYS_DUP2, above + i, i);
    }
    script.call("close_range", SYS_CLOSE_RANGE, fds.size(), 0xffff_ffffL, 0);
    return this;
  }

  /** Starts a session and unblocks all signals; then replaces the process by {@code argv[0]}. */
  public void execute(List<String> argv, List<String> environment) {
    script
        .needs("process")
        .call("setsid", SYS_SETSID)
        .call("unblock signals", SYS_RT_SIGPROCMASK, SIG_SETMASK, script.bytes(8).address(), 0, 8)
        .call(
            "execve " + argv.getFirst(),
            SYS_EXECVE,
            address(argv.getFirst()),
            script.strings(argv).address(),
            script.strings(environment).address());
  }

  /** Ends the process, for scripts that only try something. */
  public void exit() {
    script.call("exit", SYS_EXIT_GROUP, 0);
  }

  private long address(String text) {
    return script.string(text).address();
  }
}
