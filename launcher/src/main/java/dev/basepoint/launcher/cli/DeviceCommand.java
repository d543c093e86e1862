package dev.basepoint.launcher.cli;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.cli.syntax.Command;
import dev.basepoint.launcher.cli.syntax.Option;
import dev.basepoint.launcher.group.BackEnds;
import dev.basepoint.launcher.group.DevicePlan;
import dev.basepoint.launcher.group.FrontEndSocket;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.VhostUserService;
import dev.basepoint.launcher.manifest.ByteSize;
import dev.basepoint.launcher.manifest.DeviceSpec;
import dev.basepoint.launcher.output.Json;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Terminal;
import dev.basepoint.sandbox.jail.JailException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** {@code vmm-launch device}: one device server for somebody else's virtual machine monitor. */
final class DeviceCommand {
  private static final Option VHOST_USER =
      Option.valued("--vhost-user", "SOCKET", "Listen for vhost-user front ends at this path.");
  private static final Option CONNECT =
      Option.flag("--connect", "Connect to that path instead: the front end listens there.");
  private static final Option FD =
      Option.valued(
          "--fd", "N", "Use inherited descriptor N, a listening or connected socket, instead.");
  private static final Option GUEST_MEMORY_MAX =
      Option.valued(
          "--guest-memory-max",
          "SIZE",
          "Most guest memory that a front end may share; 16GiB if not given.");
  private static final Option SPIN =
      Option.valued(
          "--spin",
          "MICROS",
          "How long to look for the next request before sleeping, while that pays; 200 if not"
              + " given, and 0 on a host with one CPU.");

  private static final List<Option> COMMON =
      List.of(VHOST_USER, CONNECT, FD, GUEST_MEMORY_MAX, SPIN, Commands.SANDBOX, Commands.JSON);

  private static final long GUEST_BYTES_DEFAULT = 16L << 30;
  private static final long SPIN_MICROS_DEFAULT = 200;
  private static final long SPIN_MICROS_MAX = 10_000;

  /** How long to wait for the peer of a network back end. */
  private static final Duration PEER_TIMEOUT = Duration.ofSeconds(30);

  private final CliContext context;

  private DeviceCommand(CliContext context) {
    this.context = context;
  }

  static Command command(CliContext context) {
    DeviceCommand device = new DeviceCommand(context);
    return new Command(
        "device",
        "Serve one device to vhost-user front ends, such as QEMU; see docs/vhost-user.md.",
        List.of(),
        List.of(),
        List.of(
            "vmm-launch device blk --vhost-user blk.sock --image disk.img",
            "vmm-launch device net --vhost-user net.sock --tap tap0",
            "vmm-launch device rng --vhost-user rng.sock"),
        List.of(
            device.leaf("blk", "Serve a disk.", DeviceOptions.BLK),
            device.leaf("net", "Serve a network interface.", DeviceOptions.NET),
            device.leaf("rng", "Serve an entropy source.", DeviceOptions.RNG)),
        null);
  }

  private Command leaf(String type, String summary, List<Option> own) {
    List<Option> options = new ArrayList<>(COMMON);
    options.addAll(own);
    return new Command(
        type,
        summary,
        options,
        List.of(),
        List.of(),
        List.of(),
        arguments -> serve(type, own, arguments));
  }

  private int serve(String type, List<Option> own, Arguments arguments) throws Exception {
    DeviceSpec spec = DeviceOptions.read(type, own, arguments, context);
    long guestBytes = guestBytes(arguments);
    long spinMicros = spinMicros(arguments);
    try {
      FrontEndSocket socket = socket(arguments);
      DevicePlan device;
      try {
        device = new BackEnds(PEER_TIMEOUT).open(spec);
      } catch (IOException e) {
        socket.close();
        throw e;
      }
      VhostUserService.Plan plan =
          new VhostUserService.Plan(
              device, socket, Commands.sandbox(arguments), guestBytes, spinMicros);
      Reporter reporter = new Reporter(context.terminal(), Commands.json(arguments));
      try (VhostUserService service =
          new VhostUserService(Installation.current(), plan, reporter)) {
        return exitCode(service.run()).code();
      }
    } catch (JailException e) {
      throw new CommandException(ExitCode.HOST_UNSUITABLE, e.getMessage(), e);
    } catch (ErrnoException e) {
      ExitCode code =
          switch (e.errno()) {
            case Errno.EACCES, Errno.EPERM -> ExitCode.PERMISSION_DENIED;
            case Errno.ENOENT -> ExitCode.INPUT_MISSING;
            default -> ExitCode.SYSTEM_ERROR;
          };
      throw new CommandException(code, e.getMessage(), e);
    } catch (IOException e) {
      throw new CommandException(ExitCode.SYSTEM_ERROR, e.getMessage(), e);
    }
  }

  private static ExitCode exitCode(VhostUserService.End end) {
    return switch (end) {
      // Ctrl-C is how a server is ended, so that is no failure.
      case INTERRUPTED, FRONT_END_LEFT -> ExitCode.OK;
      case TERMINATED -> ExitCode.TERMINATED;
      case SANDBOX_VIOLATION -> ExitCode.SANDBOX_VIOLATION;
      case PROCESS_DIED -> ExitCode.PROCESS_DIED;
    };
  }

  private static FrontEndSocket socket(Arguments arguments) throws CommandException, IOException {
    if (arguments.has(VHOST_USER) == arguments.has(FD)
        || (arguments.has(CONNECT) && !arguments.has(VHOST_USER))) {
      throw new CommandException(
          ExitCode.USAGE, "give --vhost-user SOCKET, with or without --connect, or --fd N");
    }
    if (arguments.has(FD)) {
      String number = arguments.value(FD).orElseThrow();
      if (!number.matches("[0-9]{1,6}") || Integer.parseInt(number) <= 2) {
        throw new CommandException(
            ExitCode.USAGE, "--fd " + number + ": give the number of an inherited descriptor");
      }
      return FrontEndSocket.inherited(Integer.parseInt(number));
    }
    Path path = Path.of(arguments.value(VHOST_USER).orElseThrow());
    return arguments.has(CONNECT) ? FrontEndSocket.connect(path) : FrontEndSocket.listen(path);
  }

  private static long guestBytes(Arguments arguments) throws CommandException {
    if (!arguments.has(GUEST_MEMORY_MAX)) {
      return GUEST_BYTES_DEFAULT;
    }
    String text = arguments.value(GUEST_MEMORY_MAX).orElseThrow();
    return ByteSize.tryParse(text)
        .orElseThrow(
            () ->
                new CommandException(
                    ExitCode.USAGE,
                    "--guest-memory-max " + text + ": give a size like 512MiB or 16GiB"));
  }

  private static long spinMicros(Arguments arguments) throws CommandException {
    if (!arguments.has(SPIN)) {
      return Runtime.getRuntime().availableProcessors() > 1 ? SPIN_MICROS_DEFAULT : 0;
    }
    String text = arguments.value(SPIN).orElseThrow();
    if (!text.matches("[0-9]{1,5}") || Long.parseLong(text) > SPIN_MICROS_MAX) {
      throw new CommandException(
          ExitCode.USAGE, "--spin " + text + ": give a number from 0 to " + SPIN_MICROS_MAX);
    }
    return Long.parseLong(text);
  }

  /** Says what goes on: facts on standard output, warnings on standard error. */
  private record Reporter(Terminal terminal, boolean json) implements VhostUserService.Listener {
    @Override
    public void ready(String socket, int pid) {
      if (json) {
        Map<String, Object> event = new LinkedHashMap<>();
        event.put("event", "ready");
        event.put("socket", socket);
        event.put("pid", pid);
        say(Json.write(event));
      } else {
        say("serving vhost-user front ends on " + socket + " (pid " + pid + "); Ctrl-C ends");
      }
    }

    @Override
    public void waiting(String socket) {
      if (json) {
        Map<String, Object> event = new LinkedHashMap<>();
        event.put("event", "waiting");
        event.put("socket", socket);
        say(Json.write(event));
      } else {
        say("waiting for a front end to listen on " + socket);
      }
    }

    private synchronized void say(String line) {
      terminal.out().println(line);
      terminal.out().flush();
    }

    @Override
    public synchronized void warning(String text) {
      terminal.err().println(terminal.paintErr(Style.YELLOW, "warning:") + " " + text);
      terminal.err().flush();
    }
  }
}
