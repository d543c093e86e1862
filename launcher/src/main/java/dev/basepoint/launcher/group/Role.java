package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionRequest.Kind;

/** What a child process is, by the name of its module. */
public enum Role {
  VMM_MAIN("vmm-main", "vmm-main"),
  BLK("device-server-blk", "blk"),
  NET("device-server-net", "net"),
  RNG("device-server-rng", "rng");

  private final String module;
  private final String key;

  Role(String module, String key) {
    this.module = module;
    this.key = key;
  }

  /** The module that holds the role's code, which also names its jar. */
  public String module() {
    return module;
  }

  /** The role in the policies' terms, for a process that {@code frontEnd} drives. */
  dev.basepoint.sandbox.policy.Role policy(FrontEnd frontEnd) {
    boolean ours = frontEnd == FrontEnd.VMM_MAIN;
    return switch (this) {
      case VMM_MAIN -> dev.basepoint.sandbox.policy.Role.VMM_MAIN;
      case BLK ->
          ours
              ? dev.basepoint.sandbox.policy.Role.BLK
              : dev.basepoint.sandbox.policy.Role.BLK_VHOST_USER;
      case NET ->
          ours
              ? dev.basepoint.sandbox.policy.Role.NET
              : dev.basepoint.sandbox.policy.Role.NET_VHOST_USER;
      case RNG ->
          ours
              ? dev.basepoint.sandbox.policy.Role.RNG
              : dev.basepoint.sandbox.policy.Role.RNG_VHOST_USER;
    };
  }

  /** The role's name, as the process itself states it in its Hello. */
  public String key() {
    return key;
  }

  /** The role of the server for devices of {@code kind}. */
  public static Role of(Kind kind) {
    return switch (kind) {
      case BLK -> BLK;
      case NET -> NET;
      case RNG -> RNG;
    };
  }
}
