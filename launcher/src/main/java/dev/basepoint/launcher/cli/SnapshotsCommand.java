package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.basepoint.Basepoints;
import dev.basepoint.launcher.basepoint.Template;
import dev.basepoint.launcher.basepoint.TemplateFailure;
import dev.basepoint.launcher.basepoint.TemplateStore;
import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.cli.syntax.Command;
import dev.basepoint.launcher.cli.syntax.Parameter;
import dev.basepoint.launcher.output.Json;
import dev.basepoint.launcher.output.Progress;
import dev.basepoint.launcher.output.Terminal;
import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.SequencedMap;

/** {@code vmm-launch snapshots}: looks after what {@code snapshot} kept; needs no daemon. */
final class SnapshotsCommand {
  private final Terminal terminal;

  private SnapshotsCommand(CliContext context) {
    this.terminal = context.terminal();
  }

  static Command command(CliContext context) {
    return new Command(
        "snapshots",
        "List, check and remove snapshots.",
        List.of(),
        List.of(),
        List.of("vmm-launch snapshots list", "vmm-launch snapshots verify before-update"),
        List.of(
            leaf(
                "list",
                "List the snapshots, and why one cannot be restored.",
                List.of(),
                "vmm-launch snapshots list --json | jq '.snapshots[].name'",
                arguments -> new SnapshotsCommand(context).list(arguments)),
            leaf(
                "verify",
                "Read all of a snapshot and the images below it, and check every byte.",
                List.of(snapshot()),
                "vmm-launch snapshots verify before-update",
                arguments -> new SnapshotsCommand(context).verify(arguments)),
            leaf(
                "remove",
                "Remove a snapshot; VMs that were restored from it go on.",
                List.of(snapshot()),
                "vmm-launch snapshots remove before-update",
                arguments -> new SnapshotsCommand(context).remove(arguments))),
        null);
  }

  private static Parameter snapshot() {
    return new Parameter(
        DaemonCommands.SNAPSHOT, "The snapshot's name.", true, Parameter.Kind.WORD);
  }

  private static Command leaf(
      String name,
      String summary,
      List<Parameter> parameters,
      String example,
      Command.Action action) {
    return new Command(
        name,
        summary,
        List.of(Commands.JSON, DaemonAccess.STATE, DaemonAccess.TENANT),
        parameters,
        List.of(example),
        List.of(),
        action);
  }

  @FunctionalInterface
  private interface Question {
    SequencedMap<String, Object> ask(Basepoints snapshots, Progress progress) throws IOException;
  }

  private SequencedMap<String, Object> ask(Arguments arguments, Question question)
      throws CommandException {
    try (Progress progress = new Progress(terminal)) {
      TemplateStore store =
          TemplateStore.of(DaemonAccess.paths(arguments).state(), Template.Kind.SNAPSHOT);
      return question.ask(new Basepoints(store), progress);
    } catch (IOException e) {
      throw TemplateFailure.of(e);
    }
  }

  private int list(Arguments arguments) throws CommandException {
    SequencedMap<String, Object> facts = ask(arguments, (snapshots, _) -> snapshots.list());
    Object list = facts.remove("templates");
    facts.put("snapshots", list);
    if (Commands.json(arguments)) {
      terminal.out().println(Json.write(facts));
    } else {
      new FactsReport(terminal).snapshots((Collection<?>) list);
    }
    return ExitCode.OK.code();
  }

  private int verify(Arguments arguments) throws CommandException {
    String name = arguments.parameter(DaemonCommands.SNAPSHOT).orElseThrow();
    SequencedMap<String, Object> facts =
        ask(arguments, (snapshots, progress) -> snapshots.verify(name, progress::step));
    show(arguments, facts, "snapshot " + name + " is whole");
    return ExitCode.OK.code();
  }

  private int remove(Arguments arguments) throws CommandException {
    String name = arguments.parameter(DaemonCommands.SNAPSHOT).orElseThrow();
    String tenant = DaemonAccess.tenant(arguments);
    show(
        arguments,
        ask(arguments, (snapshots, _) -> snapshots.remove(name, tenant)),
        "snapshot " + name + " is removed");
    return ExitCode.OK.code();
  }

  private void show(Arguments arguments, SequencedMap<String, Object> facts, String sentence) {
    terminal.out().println(Commands.json(arguments) ? Json.write(facts) : sentence);
  }
}
