package dev.basepoint.launcher.cli;

/**
 * Every way in which {@code vmm-launch} ends. Numbers from 64 to 78 mean what sysexits.h means by
 * them; the start script uses 72 and 73 before this program exists.
 */
public enum ExitCode {
  OK(0, "success; for run and demo: the guest powered itself off or was reset"),
  USAGE(2, "unknown command, option or argument"),
  INPUT_INVALID(65, "the manifest or policy is wrong; every problem is listed"),
  INPUT_MISSING(66, "a file named on the command line does not exist or cannot be read"),
  HOST_UNSUITABLE(69, "the host lacks something that is required; see doctor"),
  INTERNAL_ERROR(70, "a defect of this program"),
  SYSTEM_ERROR(71, "the operating system refused a request"),
  TOOLCHAIN_MISSING(72, "the start script found no JDK 25 or no Maven"),
  BUILD_FAILED(73, "the start script could not build the program; see .build/build.log"),
  STORAGE_FULL(74, "the disk of the state directory is full; nothing was left behind"),
  TIMED_OUT(75, "a deadline passed: a process did not start, or the guest ran too long"),
  PERMISSION_DENIED(77, "a permission is missing, for example on /dev/kvm"),
  GUEST_FAILED(80, "the guest crashed or reported a failure"),
  PROCESS_DIED(81, "a process of the VM ended unexpectedly"),
  SANDBOX_VIOLATION(82, "a process of the VM was ended for leaving its sandbox"),
  NOT_FOUND(83, "nothing has that name"),
  NAME_TAKEN(84, "the name is in use"),
  WRONG_STATE(85, "what was asked for does not fit the present state"),
  LIMIT_REACHED(
      86, "a limit is reached: the daemon's, the host's memory, or a template's forks or age"),
  NO_DAEMON(87, "no daemon serves the state directory, or the connection to it broke"),
  DAEMON_RUNS(88, "another daemon serves the state directory already"),
  TEMPLATE_DAMAGED(89, "a template or snapshot is damaged: some byte is not what was stored"),
  TEMPLATE_UNFIT(
      90, "a template or snapshot does not fit this host's CPU, this version or its base images"),
  NOT_CAPTURABLE(91, "the VM has a device or disk that no template or snapshot can capture"),
  INTERRUPTED(130, "stopped by Ctrl-C"),
  TERMINATED(143, "stopped by SIGTERM");

  private final int code;
  private final String meaning;

  ExitCode(int code, String meaning) {
    this.code = code;
    this.meaning = meaning;
  }

  /** The code with this number; {@link #INTERNAL_ERROR} if there is none. */
  public static ExitCode byCode(int number) {
    for (ExitCode code : values()) {
      if (code.code == number) {
        return code;
      }
    }
    return INTERNAL_ERROR;
  }

  /** The number that the shell sees. */
  public int code() {
    return code;
  }

  /** One line for help and documentation. */
  public String meaning() {
    return meaning;
  }
}
