package dev.basepoint.launcher.cli.syntax;

import java.util.List;

/** A command line that cannot be understood. */
public final class UsageException extends Exception {
  private final transient List<Command> path;

  /**
   * @param message what is wrong, with the nearest valid choice
   * @param path the commands up to the one that was reached
   */
  public UsageException(String message, List<Command> path) {
    super(message);
    this.path = List.copyOf(path);
  }

  /** The commands up to the one that was reached, the program first. */
  public List<Command> path() {
    return path;
  }
}
