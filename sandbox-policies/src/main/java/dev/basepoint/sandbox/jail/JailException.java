package dev.basepoint.sandbox.jail;

import java.io.IOException;

/** A sandbox that cannot be made: which facility of the host is missing, and why. */
public final class JailException extends IOException {
  private final String facility;

  /**
   * @param facility for example {@code "user namespace"}
   */
  public JailException(String facility, String message) {
    super(message);
    this.facility = facility;
  }

  /** The missing facility. */
  public String facility() {
    return facility;
  }
}
