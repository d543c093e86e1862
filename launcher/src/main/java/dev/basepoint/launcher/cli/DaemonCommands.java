package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Command;
import dev.basepoint.launcher.cli.syntax.Option;
import dev.basepoint.launcher.cli.syntax.Parameter;
import java.util.ArrayList;
import java.util.List;

/** The commands of and for the daemon. Each command class is loaded only when its command runs. */
final class DaemonCommands {
  static final String VM = "VM";

  static final Option MAX_VMS =
      Option.valued("--max-vms", "N", "Most VMs at the same time; default: 256.");
  static final Option MEMORY =
      Option.valued(
          "--memory", "SIZE", "Most memory for all VMs together; default: the host's memory.");
  static final Option NAME =
      Option.valued("--name", "NAME", "The VM's name; default: the manifest's.");
  static final Option ALL = Option.flag("--all", "Show VMs that have ended, too.");
  static final Option FOLLOW =
      Option.flag("--follow", "Go on until the VM ends or Ctrl-C is pressed.");
  static final Option TAIL = Option.valued("--tail", "N", "Begin with the last N lines.");
  static final Option TIMEOUT =
      Option.valued(
          "--timeout",
          "DURATION",
          "How long a process may take to end before it is killed; default: timeouts.stop of the"
              + " manifest.");

  static final String SNAPSHOT = "SNAPSHOT";

  static final Option RESTORED_NAME =
      Option.valued("--name", "NAME", "The VM's name; default: the snapshot's.");
  static final Option AS =
      Option.valued("--as", "NAME", "The name of what is kept; default: the VM's.");
  static final Option REPLACE =
      Option.flag("--replace", "Take the place of one of the same name and tenant.");
  static final Option TEMPLATE =
      Option.flag("--template", "Keep it as a template, to be forked, instead of a snapshot.");

  private final CliContext context;

  private DaemonCommands(CliContext context) {
    this.context = context;
  }

  static List<Command> all(CliContext context) {
    DaemonCommands commands = new DaemonCommands(context);
    return List.of(
        commands.serve(),
        commands.start(),
        commands.ps(),
        commands.inspect(),
        commands.logs(),
        commands.console(),
        commands.pause(),
        commands.resume(),
        commands.snapshot(),
        commands.restore(),
        SnapshotsCommand.command(context),
        commands.stop());
  }

  private Command serve() {
    return leaf(
        "serve",
        "Run the daemon, which holds VMs beyond single commands, until it is stopped.",
        List.of(MAX_VMS, MEMORY, Commands.JSON),
        List.of(),
        List.of("vmm-launch serve", "vmm-launch serve --state /tmp/vms --memory 4GiB --json"),
        arguments -> new ServeCommand(context).run(arguments));
  }

  private Command start() {
    return leaf(
        "start",
        "Start the VM that a manifest describes in the daemon, and return when its guest runs.",
        List.of(NAME, Commands.SANDBOX, DaemonAccess.TENANT, Commands.JSON),
        List.of(
            new Parameter(
                Commands.MANIFEST,
                "YAML or JSON file, see docs/manifest.md.",
                true,
                Parameter.Kind.FILE)),
        List.of(
            "vmm-launch start examples/probe.yaml --name one",
            "vmm-launch start examples/probe.yaml --json | jq .timings"),
        arguments -> new VmCommands(context).start(arguments));
  }

  private Command ps() {
    return leaf(
        "ps",
        "List the daemon's VMs.",
        List.of(ALL, Commands.JSON),
        List.of(),
        List.of("vmm-launch ps", "vmm-launch ps --all --json | jq '.vms[].name'"),
        arguments -> new VmCommands(context).ps(arguments));
  }

  private Command inspect() {
    return ofVm(
        "inspect",
        "Show a VM's processes, devices, counters, time line and manifest.",
        List.of(Commands.JSON),
        List.of("vmm-launch inspect one", "vmm-launch inspect one --json | jq .processes"),
        arguments -> new VmCommands(context).inspect(arguments));
  }

  private Command logs() {
    return ofVm(
        "logs",
        "Print what a guest wrote to its serial port; the daemon keeps the last 256 KiB.",
        List.of(FOLLOW, TAIL),
        List.of("vmm-launch logs one --tail 20", "vmm-launch logs one --follow"),
        arguments -> new ConsoleCommands(context).logs(arguments));
  }

  private Command console() {
    return ofVm(
        "console",
        "Attach to a guest's serial port; Ctrl-] detaches.",
        List.of(),
        List.of("vmm-launch console one"),
        arguments -> new ConsoleCommands(context).console(arguments));
  }

  private Command pause() {
    return ofVm(
        "pause",
        "Stop a VM's vCPUs.",
        List.of(Commands.JSON),
        List.of("vmm-launch pause one"),
        arguments -> new VmCommands(context).pause(arguments));
  }

  private Command resume() {
    return ofVm(
        "resume",
        "Let a paused VM go on.",
        List.of(Commands.JSON),
        List.of("vmm-launch resume one"),
        arguments -> new VmCommands(context).resume(arguments));
  }

  private Command snapshot() {
    return ofVm(
        "snapshot",
        "Keep a VM as it is now: RAM, CPUs, devices and disks; it goes on afterwards.",
        List.of(AS, REPLACE, TEMPLATE, DaemonAccess.TENANT, Commands.JSON),
        List.of(
            "vmm-launch snapshot one --as before-update",
            "vmm-launch snapshot one --template --as base"),
        arguments -> new SnapshotCommands(context).snapshot(arguments));
  }

  private Command restore() {
    return leaf(
        "restore",
        "Let a VM go on where it stood when a snapshot was made of it.",
        List.of(RESTORED_NAME, DaemonAccess.TENANT, Commands.JSON),
        List.of(new Parameter(SNAPSHOT, "The snapshot's name.", true, Parameter.Kind.WORD)),
        List.of("vmm-launch restore before-update --name two"),
        arguments -> new SnapshotCommands(context).restore(arguments));
  }

  private Command stop() {
    return ofVm(
        "stop",
        "End a VM: its processes are asked to, and killed if they do not.",
        List.of(TIMEOUT, Commands.JSON),
        List.of("vmm-launch stop one", "vmm-launch stop one --timeout 10s"),
        arguments -> new VmCommands(context).stop(arguments));
  }

  private Command ofVm(
      String name,
      String summary,
      List<Option> options,
      List<String> examples,
      Command.Action action) {
    Parameter vm = new Parameter(VM, "The VM's name.", true, Parameter.Kind.WORD);
    return leaf(name, summary, options, List.of(vm), examples, action);
  }

  /** A command that talks to the daemon. */
  static Command leaf(
      String name,
      String summary,
      List<Option> options,
      List<Parameter> parameters,
      List<String> examples,
      Command.Action action) {
    List<Option> withState = new ArrayList<>(options);
    withState.add(DaemonAccess.STATE);
    return new Command(name, summary, withState, parameters, examples, List.of(), action);
  }
}
