package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Command;
import dev.basepoint.launcher.cli.syntax.Option;
import dev.basepoint.launcher.cli.syntax.Parameter;
import java.util.ArrayList;
import java.util.List;

/** What {@code vmm-launch basepoint} understands. */
final class BasepointCommands {
  static final String TEMPLATE = "TEMPLATE";

  static final Option NAME =
      Option.valued("--name", "NAME", "The template's name; default: the manifest's.");
  static final Option REPLACE =
      Option.flag("--replace", "Take the place of a template of the same name and tenant.");
  static final Option READY_WHEN =
      Option.valued(
          "--ready-when",
          "REGEX",
          "The guest is ready when a line of its console has this; default: as the manifest says.");

  private BasepointCommands() {}

  static Command command(CliContext context) {
    return new Command(
        "basepoint",
        "Boot VMs to their ready point, keep them as templates, and look after these.",
        List.of(),
        List.of(),
        List.of(
            "vmm-launch basepoint create examples/probe.yaml --name probe",
            "vmm-launch basepoint list"),
        List.of(
            create(context),
            remake(context),
            list(context),
            inspect(context),
            verify(context),
            remove(context)),
        null);
  }

  private static Command create(CliContext context) {
    return leaf(
        "create",
        "Boot a VM from its manifest to its ready point and keep it as a template.",
        List.of(NAME, REPLACE, READY_WHEN, Commands.SANDBOX, DaemonAccess.TENANT),
        new Parameter(
            Commands.MANIFEST,
            "YAML or JSON file, see docs/manifest.md.",
            true,
            Parameter.Kind.FILE),
        List.of(
            "vmm-launch basepoint create examples/probe.yaml --name probe",
            "vmm-launch basepoint create my-vm.yaml --ready-when 'login:' --replace"),
        arguments -> new BasepointCommand(context).create(arguments));
  }

  private static Command remake(CliContext context) {
    return leaf(
        "remake",
        "Make a template again from its own manifest, in its place; the old one stays until the new"
            + " one is complete.",
        List.of(Commands.SANDBOX, DaemonAccess.TENANT),
        template(),
        List.of("vmm-launch basepoint remake probe"),
        arguments -> new BasepointCommand(context).remake(arguments));
  }

  private static Command list(CliContext context) {
    return leaf(
        "list",
        "List the templates, and why one cannot be forked.",
        List.of(),
        null,
        List.of("vmm-launch basepoint list --json | jq '.templates[].name'"),
        arguments -> new BasepointCommand(context).list(arguments));
  }

  private static Command inspect(CliContext context) {
    return leaf(
        "inspect",
        "Show everything about a template, its manifest included.",
        List.of(),
        template(),
        List.of("vmm-launch basepoint inspect probe --json | jq .files"),
        arguments -> new BasepointCommand(context).inspect(arguments));
  }

  private static Command verify(CliContext context) {
    return leaf(
        "verify",
        "Read all of a template and its base images, and check every byte.",
        List.of(),
        template(),
        List.of("vmm-launch basepoint verify probe"),
        arguments -> new BasepointCommand(context).verify(arguments));
  }

  private static Command remove(CliContext context) {
    return leaf(
        "remove",
        "Remove a template; VMs that were made of it go on.",
        List.of(DaemonAccess.TENANT),
        template(),
        List.of("vmm-launch basepoint remove probe"),
        arguments -> new BasepointCommand(context).remove(arguments));
  }

  private static Parameter template() {
    return new Parameter(TEMPLATE, "The template's name.", true, Parameter.Kind.WORD);
  }

  private static Command leaf(
      String name,
      String summary,
      List<Option> options,
      Parameter parameter,
      List<String> examples,
      Command.Action action) {
    List<Option> all = new ArrayList<>(options);
    all.add(Commands.JSON);
    all.add(DaemonAccess.STATE);
    List<Parameter> parameters = parameter == null ? List.of() : List.of(parameter);
    return new Command(name, summary, all, parameters, examples, List.of(), action);
  }
}
