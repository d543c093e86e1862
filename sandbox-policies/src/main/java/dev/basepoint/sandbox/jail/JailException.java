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

  /** For a strict sandbox that cannot be had on this host. */
  static JailException missing(String facility, String reason) {
    return new JailException(
        facility,
        "the strict sandbox needs "
            + facility
            + ", which this host refuses ("
            + reason
            + "); run './vmm-launch doctor', or choose the permissive sandbox for diagnosing");
  }

  /** For a process that the kernel did not let apply its filter. */
  public static JailException filterRefused(String reason) {
    return new JailException(
        HostIsolation.SECCOMP,
        "the sandbox needs "
            + HostIsolation.SECCOMP
            + ", which this host refuses ("
            + reason
            + "); run './vmm-launch doctor'");
  }

  /** The missing facility. */
  public String facility() {
    return facility;
  }
}
