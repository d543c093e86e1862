package dev.basepoint.launcher.group;

import dev.basepoint.sandbox.jail.Level;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** How hard the children of a group are sandboxed. */
public enum SandboxLevel {
  /** A violation ends the process; a host that lacks a facility is refused. */
  STRICT("strict"),

  /** Violations are reported and let through; what the host lacks is left out. For diagnosing. */
  PERMISSIVE("permissive"),

  /** No sandbox at all. For development only. */
  OFF("off");

  private final String key;

  SandboxLevel(String key) {
    this.key = key;
  }

  /** The level's name on the command line and in JSON. */
  public String key() {
    return key;
  }

  /** Finds a level by {@link #key}. */
  public static Optional<SandboxLevel> byKey(String key) {
    return Arrays.stream(values()).filter(level -> level.key.equals(key)).findFirst();
  }

  /** All keys, for messages. */
  public static String keys() {
    return Arrays.stream(values()).map(SandboxLevel::key).collect(Collectors.joining(", "));
  }

  /** The level of the jail; empty if there is to be none. */
  Optional<Level> jailLevel() {
    return switch (this) {
      case STRICT -> Optional.of(Level.STRICT);
      case PERMISSIVE -> Optional.of(Level.PERMISSIVE);
      case OFF -> Optional.empty();
    };
  }
}
