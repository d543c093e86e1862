package dev.basepoint.sandbox.policy;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** The process roles that have a policy file, each named after its module. */
public enum Role {
  VMM_MAIN("vmm-main"),
  BLK("blk"),
  NET("net"),
  RNG("rng"),
  BLK_VHOST_USER("blk-vhost-user"),
  NET_VHOST_USER("net-vhost-user"),
  RNG_VHOST_USER("rng-vhost-user");

  private final String id;

  Role(String id) {
    this.id = id;
  }

  /** The role's name in manifests, on the command line and of its policy file. */
  public String id() {
    return id;
  }

  /** Finds a role by {@link #id()}. */
  public static Optional<Role> byId(String id) {
    return Arrays.stream(values()).filter(role -> role.id.equals(id)).findFirst();
  }

  /** All ids, comma-separated, for messages. */
  public static String ids() {
    return Arrays.stream(values()).map(Role::id).collect(Collectors.joining(", "));
  }
}
