package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionRequest.Kind;

/** What a child process is, by the name of its module. */
public enum Role {
  VMM_MAIN("vmm-main"),
  BLK("device-server-blk"),
  NET("device-server-net"),
  RNG("device-server-rng");

  private final String module;

  Role(String module) {
    this.module = module;
  }

  /** The module that holds the role's code, which also names its jar. */
  public String module() {
    return module;
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
