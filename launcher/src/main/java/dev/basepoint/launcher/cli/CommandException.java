package dev.basepoint.launcher.cli;

/** A command that cannot be carried out: why, what to do about it, and the exit code. */
public final class CommandException extends Exception {
  private final ExitCode exitCode;

  /**
   * @param message one sentence that names the object and says what to do next
   */
  public CommandException(ExitCode exitCode, String message) {
    super(message);
    this.exitCode = exitCode;
  }

  /** As above, with the failure that caused it, which only debugging output shows. */
  public CommandException(ExitCode exitCode, String message, Throwable cause) {
    super(message, cause);
    this.exitCode = exitCode;
  }

  /** How the program ends. */
  public ExitCode exitCode() {
    return exitCode;
  }
}
