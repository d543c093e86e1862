package dev.basepoint.launcher.doctor;

import java.util.Locale;

/** Whether a feature can be used. */
public enum Verdict {
  /** It is there. */
  OK,
  /** It is there with a restriction, which the finding explains. */
  DEGRADED,
  /** It is not there. */
  MISSING;

  /** The word in output. */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }
}
