package dev.basepoint.sandbox.policy;

/** A policy file that cannot be accepted: file, line and reason. */
public final class PolicyException extends Exception {
  private final SourceLine where;

  /** Makes one whose message is {@code file:line: reason}. */
  public PolicyException(SourceLine where, String reason) {
    super(where + ": " + reason);
    this.where = where;
  }

  /** The refused statement. */
  public SourceLine where() {
    return where;
  }
}
