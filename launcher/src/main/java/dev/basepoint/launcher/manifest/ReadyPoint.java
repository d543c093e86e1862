package dev.basepoint.launcher.manifest;

/** What says that a guest is ready to be kept as a template. */
public sealed interface ReadyPoint {
  /** The guest rings the doorbell, and is stopped at that very instruction. */
  record Doorbell() implements ReadyPoint {}

  /**
   * A line on the guest's console; the guest is stopped a little later.
   *
   * @param regex a regular expression that java.util.regex understands, found anywhere in a line
   */
  record ConsoleLine(String regex) implements ReadyPoint {}

  /** The user says so, of a VM that runs. */
  record Command() implements ReadyPoint {}
}
