package dev.basepoint.ipc.linux;

import java.util.ArrayList;
import java.util.List;

/** Flags of clone3(2) and unshare(2) for new namespaces (linux/sched.h). */
public final class NamespaceFlags {
  public static final long CLONE_NEWNS = 0x0002_0000;
  public static final long CLONE_NEWCGROUP = 0x0200_0000;
  public static final long CLONE_NEWUTS = 0x0400_0000;
  public static final long CLONE_NEWIPC = 0x0800_0000;
  public static final long CLONE_NEWUSER = 0x1000_0000;
  public static final long CLONE_NEWPID = 0x2000_0000;
  public static final long CLONE_NEWNET = 0x4000_0000;

  private NamespaceFlags() {}

  /** For example {@code "user and mount namespace"}. */
  static String describe(long flags) {
    List<String> names = new ArrayList<>();
    add(names, flags, CLONE_NEWUSER, "user");
    add(names, flags, CLONE_NEWNS, "mount");
    add(names, flags, CLONE_NEWPID, "pid");
    add(names, flags, CLONE_NEWNET, "net");
    add(names, flags, CLONE_NEWIPC, "ipc");
    add(names, flags, CLONE_NEWUTS, "uts");
    add(names, flags, CLONE_NEWCGROUP, "cgroup");
    return names.isEmpty() ? "process" : String.join(" and ", names) + " namespace";
  }

  private static void add(List<String> names, long flags, long flag, String name) {
    if ((flags & flag) != 0) {
      names.add(name);
    }
  }
}
