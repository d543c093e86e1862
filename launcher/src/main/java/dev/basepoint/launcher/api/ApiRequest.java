package dev.basepoint.launcher.api;

import dev.basepoint.ipc.control.CloneIdentity;
import java.nio.charset.StandardCharsets;
import java.util.Map;
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

  /**
   * Forks a template.
   *
   * @param name empty for one made of the template's name and the clone's number
   * @param metadata for the guest
   * @param netBackEnds by device, see {@link dev.basepoint.launcher.fork.NetBackendText}
   * @param disks by device: the absolute path of an image
   */
  record ForkTemplate(
      String template,
      String name,
      String metadata,
      Map<String, String> netBackEnds,
      Map<String, String> disks)
      implements ApiRequest {
    public static final int OVERRIDES_MAX = 32;

    public ForkTemplate {
      checkName(template);
      if (!name.isEmpty()) {
        checkName(name);
      }
      check(
          metadata.getBytes(StandardCharsets.UTF_8).length <= CloneIdentity.METADATA_BYTES_MAX,
          "at most " + CloneIdentity.METADATA_BYTES_MAX + " bytes of metadata reach a guest");
      check(netBackEnds.size() + disks.size() <= OVERRIDES_MAX, "too many overrides");
      netBackEnds = Map.copyOf(netBackEnds);
      disks = Map.copyOf(disks);
    }
  }

  /** Waits until a VM has ended, at most {@code waitMillis}. */
  record AwaitVm(String vm, int waitMillis) implements OfVm {
    public static final int WAIT_MILLIS_MAX = 600_000;

    public AwaitVm {
      checkName(vm);
      check(waitMillis >= 0 && waitMillis <= WAIT_MILLIS_MAX, "wait out of range");
    }
  }

  /** Asks how the pools of the templates in use stand. */
  record ListPools() implements ApiRequest {}

  /** Fills a template's pool ahead of the first fork; waits for that at most {@code waitMillis}. */
  record WarmPool(String template, int waitMillis) implements ApiRequest {
    public WarmPool {
      checkName(template);
      check(waitMillis >= 0 && waitMillis <= AwaitVm.WAIT_MILLIS_MAX, "wait out of range");
    }
  }

  /**
   * Keeps a VM as it is now; it goes on.
   *
   * @param name of what is made
   * @param replace whether it may take the place of one of the same name and tenant
   * @param asTemplate something to fork, instead of something to restore
   */
  record CaptureVm(String vm, String name, boolean replace, boolean asTemplate) implements OfVm {
    public CaptureVm {
      checkName(vm);
      checkName(name);
    }
  }

  /**
   * Lets a VM go on where it stood when a snapshot was made of it.
   *
   * @param name the VM's; empty for the snapshot's
   */
  record RestoreVm(String snapshot, String name) implements ApiRequest {
    public RestoreVm {
      checkName(snapshot);
      if (!name.isEmpty()) {
        checkName(name);
      }
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
