package dev.basepoint.launcher.api;

import java.util.regex.Pattern;

/** What a client asks of the daemon. */
public sealed interface ApiRequest {
  /** Longest text that names something, in characters. */
  int NAME_CHARS_MAX = 64;

  /** A request about one VM, by its name. */
  sealed interface OfVm extends ApiRequest {
    /** The VM's name, valid but not necessarily known. */
    String vm();
  }

  /** Offers the protocol version; must come first, once. */
  record Hello(int version) implements ApiRequest {}

  /**
   * Starts a VM.
   *
   * @param manifest every default filled in, every path absolute
   * @param sandbox a {@link dev.basepoint.launcher.group.SandboxLevel}'s key
   * @param commandStartEpochMicros when the user's command began, CLOCK_REALTIME
   */
  record StartVm(String manifest, String sandbox, long commandStartEpochMicros)
      implements ApiRequest {
    public StartVm {
      check(!manifest.isEmpty(), "the manifest is empty");
    }
  }

  /**
   * Lists the VMs.
   *
   * @param all those that have ended too
   */
  record ListVms(boolean all) implements ApiRequest {}

  /** Asks for everything about a VM. */
  record InspectVm(String vm) implements OfVm {
    public InspectVm {
      checkName(vm);
    }
  }

  /**
   * Ends a VM.
   *
   * @param patienceMillis how long a process may take before it is killed; 0 for what the manifest
   *     says
   */
  record StopVm(String vm, int patienceMillis) implements OfVm {
    public static final int PATIENCE_MILLIS_MAX = 600_000;

    public StopVm {
      checkName(vm);
      check(patienceMillis >= 0 && patienceMillis <= PATIENCE_MILLIS_MAX, "patience out of range");
    }
  }

  /** Stops a VM's vCPUs. */
  record PauseVm(String vm) implements OfVm {
    public PauseVm {
      checkName(vm);
    }
  }

  /** Lets a paused VM go on. */
  record ResumeVm(String vm) implements OfVm {
    public ResumeVm {
      checkName(vm);
    }
  }

  /**
   * Reads what a guest wrote to its serial port.
   *
   * @param position bytes of output since the VM's start that the client has seen
   * @param waitMillis how long to wait for more
   */
  record ReadConsole(String vm, long position, int waitMillis) implements OfVm {
    public static final int WAIT_MILLIS_MAX = 30_000;

    public ReadConsole {
      checkName(vm);
      check(position >= 0, "position out of range");
      check(waitMillis >= 0 && waitMillis <= WAIT_MILLIS_MAX, "wait out of range");
    }
  }

  /** Types at a guest's serial port. */
  record WriteConsole(String vm, byte[] input) implements OfVm {
    public static final int INPUT_BYTES_MAX = 4096;

    public WriteConsole {
      checkName(vm);
      check(input.length <= INPUT_BYTES_MAX, "too much input at once");
    }
  }

  private static void check(boolean valid, String problem) {
    if (!valid) {
      throw new IllegalArgumentException(problem);
    }
  }

  private static void checkName(String name) {
    check(
        name.length() <= NAME_CHARS_MAX && Names.VALID.matcher(name).matches(),
        "a name has lower-case letters, digits and inner dashes, at most "
            + NAME_CHARS_MAX
            + " characters");
  }

  /** Keeps the pattern out of the interface's own members. */
  final class Names {
    private static final Pattern VALID = Pattern.compile("[a-z0-9]([a-z0-9-]*[a-z0-9])?");

    private Names() {}
  }
}
