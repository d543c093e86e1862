package dev.basepoint.sandbox.jail;

/** How hard a sandbox is; both use the same policy and the same filter. */
public enum Level {
  /** A violation ends the process. A host that lacks a facility is refused. */
  STRICT,

  /** A violation is reported and let through; facilities that the host lacks are left out. */
  PERMISSIVE
}
