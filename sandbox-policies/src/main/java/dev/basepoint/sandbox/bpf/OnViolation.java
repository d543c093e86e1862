package dev.basepoint.sandbox.bpf;

/** What the filter does with a call that no rule covers. */
public enum OnViolation {
  /** The kernel ends the process at once (SIGSYS); nobody learns which call it was. */
  KILL_PROCESS(SeccompReturn.SECCOMP_RET_KILL_PROCESS),

  /**
   * The call is held, not carried out, and its number and arguments go to the holder of the
   * listener descriptor, who ends the process (strict) or lets the call go on (permissive). With no
   * listener left it fails with ENOSYS.
   */
  NOTIFY(SeccompReturn.SECCOMP_RET_USER_NOTIF);

  private final int filterResult;

  OnViolation(int filterResult) {
    this.filterResult = filterResult;
  }

  int filterResult() {
    return filterResult;
  }
}
