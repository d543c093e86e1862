package dev.basepoint.sandbox.policy;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** The kinds of namespace that a process gets of its own; see namespaces(7). */
public enum Namespace {
  USER,
  MOUNT,
  PID,
  NET,
  IPC,
  UTS,
  CGROUP;

  /** The name in policy files. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  static Optional<Namespace> byId(String id) {
    return Arrays.stream(values()).filter(n -> n.id().equals(id)).findFirst();
  }
}
