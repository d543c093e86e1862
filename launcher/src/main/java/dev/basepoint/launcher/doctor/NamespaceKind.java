package dev.basepoint.launcher.doctor;

/** The kinds of namespaces(7) that processes are put into. */
enum NamespaceKind {
  MOUNT("mount", "mnt", "mnt"),
  PID("pid", "pid", "pid"),
  NET("net", "net", "net"),
  IPC("ipc", "ipc", "ipc"),
  UTS("uts", "uts", "uts"),
  USER("user", "user", "user"),
  CGROUP("cgroup", "cgroup", "cgroup");

  private final String key;
  private final String link;
  private final String sysctl;

  NamespaceKind(String key, String link, String sysctl) {
    this.key = key;
    this.link = link;
    this.sysctl = sysctl;
  }

  /** Its name, which is unshare(1)'s option too. */
  String key() {
    return key;
  }

  /** Its link in /proc/PID/ns. */
  String link() {
    return link;
  }

  /** Its part of the limit's name in /proc/sys/user. */
  String sysctl() {
    return sysctl;
  }
}
