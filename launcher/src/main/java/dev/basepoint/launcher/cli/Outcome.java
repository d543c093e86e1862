package dev.basepoint.launcher.cli;

/** How a run ended. */
public enum Outcome {
  POWERED_OFF("powered-off", ExitCode.OK),
  RESET("reset", ExitCode.OK),
  GUEST_CRASHED("guest-crashed", ExitCode.GUEST_FAILED),
  GUEST_REPORTED_FAILURE("guest-reported-failure", ExitCode.GUEST_FAILED),
  DEVICE_FAILED("device-failed", ExitCode.PROCESS_DIED),
  PROCESS_DIED("process-died", ExitCode.PROCESS_DIED),
  SANDBOX_VIOLATION("sandbox-violation", ExitCode.SANDBOX_VIOLATION),
  STOPPED("stopped", ExitCode.OK),
  TIMED_OUT("timed-out", ExitCode.TIMED_OUT),
  INTERRUPTED("interrupted", ExitCode.INTERRUPTED),
  TERMINATED("terminated", ExitCode.TERMINATED);

  private final String key;
  private final ExitCode exitCode;

  Outcome(String key, ExitCode exitCode) {
    this.key = key;
    this.exitCode = exitCode;
  }

  /** The word in JSON. */
  public String key() {
    return key;
  }

  /** How the command ends. */
  public ExitCode exitCode() {
    return exitCode;
  }
}
