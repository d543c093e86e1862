package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.cli.syntax.Command;
import dev.basepoint.launcher.cli.syntax.Option;
import dev.basepoint.launcher.cli.syntax.Parameter;
import dev.basepoint.launcher.group.SandboxLevel;
import java.util.ArrayList;
import java.util.List;

/** The program's commands. Each command class is loaded only when its command runs. */
final class Commands {
  /** {@code --json}, in every command that prints facts. */
  static final Option JSON = Option.flag("--json", "Print one JSON object instead of text.");

  /** {@code --version} of the program itself. */
  static final Option VERSION = new Option(List.of("-V", "--version"), "", "Show the version.");

  /** {@code --sandbox} of run and demo. */
  static final Option SANDBOX =
      Option.valued(
          "--sandbox",
          "LEVEL",
          "How hard to sandbox the VM's processes: strict (default), permissive (report violations"
              + " and let them pass, for diagnosing) or off (for development only).");

  /** {@code --schema} of validate. */
  static final Option SCHEMA =
      Option.flag("--schema", "Print the JSON Schema of manifests instead.");

  /** The label of every manifest parameter. */
  static final String MANIFEST = "MANIFEST";

  private Commands() {}

  static Command program(CliContext context) {
    return new Command(
        "vmm-launch",
        "Runs virtual machines on KVM in which the core and every virtio device are processes of"
            + " their own.",
        List.of(VERSION),
        List.of(),
        List.of(
            "vmm-launch demo                     see a VM with three devices at work",
            "vmm-launch doctor                   see what this host offers",
            "vmm-launch validate my-vm.yaml      check a manifest",
            "vmm-launch run my-vm.yaml --json    run it and print the facts as JSON",
            "vmm-launch serve                    hold VMs in a daemon; then: start, ps, console",
            "source <(vmm-launch completion)     complete commands with the Tab key"),
        subcommands(context),
        null);
  }

  private static List<Command> subcommands(CliContext context) {
    List<Command> commands = new ArrayList<>(List.of(demo(context), run(context)));
    commands.addAll(DaemonCommands.all(context));
    commands.addAll(ForkCommands.all(context));
    commands.add(BasepointCommands.command(context));
    commands.add(validate(context));
    commands.add(doctor(context));
    commands.add(DeviceCommand.command(context));
    commands.add(SandboxCommand.command(context));
    commands.add(BenchCommand.command(context));
    commands.add(version(context));
    commands.add(completion(context));
    commands.add(help(context));
    return commands;
  }

  private static Command demo(CliContext context) {
    return leaf(
        "demo",
        "Run the built-in probe guest with a disk, a network interface and a random source.",
        List.of(JSON, SANDBOX),
        List.of(),
        List.of("vmm-launch demo", "vmm-launch demo --json | jq .timings"),
        arguments -> new DemoCommand(context).run(arguments));
  }

  private static Command run(CliContext context) {
    return leaf(
        "run",
        "Run the VM that a manifest describes until its guest stops.",
        List.of(JSON, SANDBOX),
        List.of(manifest("YAML or JSON file, see docs/manifest.md.", true)),
        List.of(
            "vmm-launch run examples/probe.yaml",
            "vmm-launch run examples/probe.yaml --json | jq .timings"),
        arguments -> new RunCommand(context).run(arguments));
  }

  private static Command validate(CliContext context) {
    return leaf(
        "validate",
        "Check a manifest and list everything that is wrong with it.",
        List.of(JSON, SCHEMA),
        List.of(manifest("YAML or JSON file.", false)),
        List.of(
            "vmm-launch validate my-vm.yaml",
            "vmm-launch validate my-vm.yaml --json    the manifest with every default filled in",
            "vmm-launch validate --schema             the JSON Schema, for editors"),
        arguments -> new ValidateCommand(context).run(arguments));
  }

  private static Command doctor(CliContext context) {
    return leaf(
        "doctor",
        "Show what this host offers, with a verdict and advice for each feature.",
        List.of(JSON),
        List.of(),
        List.of(
            "vmm-launch doctor",
            "vmm-launch doctor --json | jq '.findings[] | select(.verdict != \"ok\")'"),
        arguments -> new DoctorCommand(context).run(arguments));
  }

  private static Command version(CliContext context) {
    return leaf(
        "version",
        "Show the versions of the program, its JVM and the host.",
        List.of(JSON),
        List.of(),
        List.of(),
        arguments -> new VersionCommand(context).run(arguments));
  }

  private static Command completion(CliContext context) {
    return leaf(
        "completion",
        "Print a script that completes commands and options in bash and zsh.",
        List.of(),
        List.of(),
        List.of(
            "source <(vmm-launch completion)",
            "vmm-launch completion > /etc/bash_completion.d/vmm-launch"),
        arguments -> new CompletionCommand(context).run(arguments));
  }

  private static Command help(CliContext context) {
    return leaf(
        "help",
        "Show the help of a command.",
        List.of(),
        List.of(new Parameter("COMMAND", "A command's name.", false, Parameter.Kind.WORD)),
        List.of("vmm-launch help run"),
        arguments -> new HelpCommand(context).run(arguments));
  }

  private static Parameter manifest(String description, boolean required) {
    return new Parameter(MANIFEST, description, required, Parameter.Kind.FILE);
  }

  private static Command leaf(
      String name,
      String summary,
      List<Option> options,
      List<Parameter> parameters,
      List<String> examples,
      Command.Action action) {
    return new Command(name, summary, options, parameters, examples, List.of(), action);
  }

  /** The sandbox level that the caller wants. */
  static SandboxLevel sandbox(Arguments arguments) throws CommandException {
    String key = arguments.value(SANDBOX).orElse(SandboxLevel.STRICT.key());
    return SandboxLevel.byKey(key)
        .orElseThrow(
            () ->
                new CommandException(
                    ExitCode.USAGE,
                    "--sandbox " + key + " is no level; choose one of " + SandboxLevel.keys()));
  }

  /** Whether the caller wants JSON. */
  static boolean json(Arguments arguments) {
    return arguments.has(JSON);
  }
}
