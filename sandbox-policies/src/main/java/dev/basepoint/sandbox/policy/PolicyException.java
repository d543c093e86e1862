package dev.basepoint.sandbox.policy;

/** A policy file that cannot be accepted: file, line and reason. */
public final class PolicyException extends Exception {
  private final SourceLine where;
  private final String reason;

  /** Makes one whose message is {@code file:line: reason}. */
  public PolicyException(SourceLine where, String reason) {
    super(where + ": " + reason);
    this.where = where;
    this.reason = reason;
  }

  /** The refused statement. */
  public SourceLine where() {
    return where;
  }

  /** Why it was refused. */
  public String reason() {
    return reason;
  }
}
