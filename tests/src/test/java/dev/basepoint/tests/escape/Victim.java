package dev.basepoint.tests.escape;

/** A role whose process the intruder takes over. */
public enum Victim {
  VMM_MAIN("vmm-main", "vmm-main"),
  BLK("blk", "device-server-blk"),
  NET("net", "device-server-net"),
  RNG("rng", "device-server-rng");

  private final String key;
  private final String module;

  Victim(String key, String module) {
    this.key = key;
    this.module = module;
  }

  /** The role's name in policies and reports. */
  public String key() {
    return key;
  }

  /** The module whose jar holds the role. */
  public String module() {
    return module;
  }
}
