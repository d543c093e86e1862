package dev.basepoint.launcher.cli.syntax;

/**
 * A positional argument of a command.
 *
 * @param label what help and messages call it, in capitals
 * @param description one sentence for help
 * @param required whether the command makes no sense without it
 * @param kind what the shell offers for it
 */
public record Parameter(String label, String description, boolean required, Kind kind) {
  /** What a parameter names. */
  public enum Kind {
    FILE,
    WORD
  }
}
