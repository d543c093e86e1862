package dev.basepoint.launcher.manifest;

/** Words with a meaning of their own in a manifest's values. */
final class VmManifestKeys {
  static final String BUILTIN_PROBE = "builtin:probe";
  static final String STDIO = "stdio";
  static final String NONE = "none";
  static final String FILE_PREFIX = "file:";

  static final String DOORBELL = "doorbell";
  static final String CONSOLE = "console";
  static final String COMMAND = "command";

  private VmManifestKeys() {}
}
