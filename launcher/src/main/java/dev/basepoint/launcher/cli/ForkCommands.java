package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.api.ApiClient;
import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.cli.syntax.Command;
import dev.basepoint.launcher.cli.syntax.Option;
import dev.basepoint.launcher.cli.syntax.Parameter;
import dev.basepoint.launcher.output.Json;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Table;
import dev.basepoint.launcher.output.Terminal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/** The commands that make and await clones of a template: fork, wait, pool. */
final class ForkCommands {
  private static final String TEMPLATE = "TEMPLATE";
  private static final int COUNT_MAX = 100_000;
  private static final int ALIVE_MAX = 50;
  private static final int ALIVE_DEFAULT = 10;
  private static final Duration FORK_TIMEOUT = Duration.ofMinutes(2);
  private static final int WARM_MILLIS = 300_000;

  private static final Option METADATA =
      Option.valued("--metadata", "TEXT", "Text for the guest, at most 2048 bytes.");
  private static final Option METADATA_FILE =
      Option.valued("--metadata-file", "FILE", "A file whose content is the text for the guest.");
  private static final Option NET =
      Option.valued(
          "--net",
          "DEVICE=BACKEND[,...]",
          "Connect a network device to something else: echo, none, tap:NAME, tap:NAME@NETNS or"
              + " stream:/SOCKET.");
  private static final Option DISK =
      Option.valued(
          "--disk", "DEVICE=FILE[,...]", "Show another image instead of a disk's content.");
  private static final Option COUNT =
      Option.valued("--count", "N", "Fork so often, wait for each clone to end, and sum up.");
  private static final Option ALIVE =
      Option.valued("--alive", "N", "With --count: clones at the same time; default: 10.");
  private static final Option WAIT =
      Option.flag("--wait", "Wait until the clone has ended, and end as it did.");

  private final Terminal terminal;

  private ForkCommands(CliContext context) {
    this.terminal = context.terminal();
  }

  static List<Command> all(CliContext context) {
    ForkCommands commands = new ForkCommands(context);
    Parameter template = new Parameter(TEMPLATE, "The template's name.", true, Parameter.Kind.WORD);
    Parameter vm = new Parameter(DaemonCommands.VM, "The VM's name.", true, Parameter.Kind.WORD);
    return List.of(
        DaemonCommands.leaf(
            "fork",
            "Start a clone of a template in the daemon, and return when its guest runs.",
            List.of(
                DaemonCommands.NAME,
                METADATA,
                METADATA_FILE,
                NET,
                DISK,
                COUNT,
                ALIVE,
                WAIT,
                DaemonAccess.TENANT,
                Commands.JSON),
            List.of(template),
            List.of(
                "vmm-launch fork probe",
                "vmm-launch fork probe --name one --metadata hold --net net0=none",
                "vmm-launch fork probe --count 100 --alive 10 --json"),
            commands::fork),
        DaemonCommands.leaf(
            "wait",
            "Wait until a VM has ended, and end as it did.",
            List.of(Commands.JSON),
            List.of(vm),
            List.of("vmm-launch wait one"),
            commands::await),
        DaemonCommands.leaf(
            "pool",
            "Show how the pools of prepared clones stand; with a template, fill its pool first.",
            List.of(DaemonAccess.TENANT, Commands.JSON),
            List.of(new Parameter(TEMPLATE, "The template's name.", false, Parameter.Kind.WORD)),
            List.of("vmm-launch pool", "vmm-launch pool probe --json"),
            commands::pool));
  }

  private int fork(Arguments arguments) throws CommandException {
    ApiRequest.ForkTemplate request = request(arguments);
    Optional<Integer> count = OptionValues.count(arguments, COUNT, 1, COUNT_MAX);
    if (count.isPresent()) {
      if (!request.name().isEmpty()) {
        throw new CommandException(
            ExitCode.USAGE, "--name names one clone; leave it out with --count");
      }
      int alive = OptionValues.count(arguments, ALIVE, 1, ALIVE_MAX).orElse(ALIVE_DEFAULT);
      return forkMany(arguments, request, count.get(), Math.min(alive, count.get()));
    }
    SequencedMap<String, Object> facts;
    try (ApiClient client = DaemonAccess.connect(arguments)) {
      facts = client.facts(request, FORK_TIMEOUT);
      if (arguments.has(WAIT)) {
        return show(arguments, awaitEnd(client, String.valueOf(facts.get("name"))));
      }
    }
    if (Commands.json(arguments)) {
      terminal.out().println(Json.write(facts));
    } else {
      Map<?, ?> fork = (Map<?, ?>) facts.get("fork");
      String how =
          Boolean.TRUE.equals(fork.get("warm"))
              ? ""
              : "; the pool was empty, so the clone had to be made first";
      terminal
          .out()
          .println(
              terminal.paint(Style.GREEN, "VM " + FactsReport.plain(facts.get("name")) + " runs")
                  + " after "
                  + fork.get("running_ms")
                  + " ms"
                  + (Boolean.TRUE.equals(fork.get("remade"))
                      ? "; the template's limits were reached, so it was made again first"
                      : "")
                  + how);
    }
    return ExitCode.OK.code();
  }

  private static ApiRequest.ForkTemplate request(Arguments arguments) throws CommandException {
    SequencedMap<String, String> disks = pairs(arguments, DISK);
    disks.replaceAll((_, path) -> Path.of(path).toAbsolutePath().normalize().toString());
    try {
      return new ApiRequest.ForkTemplate(
          arguments.parameter(TEMPLATE).orElseThrow(),
          arguments.value(DaemonCommands.NAME).orElse(""),
          metadata(arguments),
          pairs(arguments, NET),
          disks);
    } catch (IllegalArgumentException e) {
      throw new CommandException(ExitCode.USAGE, "this cannot be forked: " + e.getMessage(), e);
    }
  }

  private static String metadata(Arguments arguments) throws CommandException {
    Optional<String> file = arguments.value(METADATA_FILE);
    if (file.isEmpty()) {
      return arguments.value(METADATA).orElse("");
    }
    if (arguments.has(METADATA)) {
      throw new CommandException(
          ExitCode.USAGE, "give --metadata or --metadata-file, but not both");
    }
    try {
      return Files.readString(Path.of(file.get()));
    } catch (IOException e) {
      throw new CommandException(
          ExitCode.INPUT_MISSING, "--metadata-file " + file.get() + " cannot be read: " + e, e);
    }
  }

  private static SequencedMap<String, String> pairs(Arguments arguments, Option option)
      throws CommandException {
    SequencedMap<String, String> pairs = new LinkedHashMap<>();
    for (String pair : arguments.value(option).map(text -> text.split(",")).orElse(new String[0])) {
      int equals = pair.indexOf('=');
      if (equals <= 0 || equals == pair.length() - 1) {
        throw new CommandException(
            ExitCode.USAGE,
            option.names().getFirst() + " " + pair + " is not of the form " + option.valueLabel());
      }
      pairs.put(pair.substring(0, equals), pair.substring(equals + 1));
    }
    return pairs;
  }

  private int forkMany(Arguments arguments, ApiRequest.ForkTemplate request, int count, int alive)
      throws CommandException {
    ForkBatch batch =
        new ForkBatch(() -> DaemonAccess.connect(arguments), request, count, alive, terminal);
    SequencedMap<String, Object> facts = batch.run();
    if (Commands.json(arguments)) {
      terminal.out().println(Json.write(facts));
    } else {
      ForkBatch.print(facts, terminal);
    }
    return batch.failed() == 0 ? ExitCode.OK.code() : ExitCode.GUEST_FAILED.code();
  }

  private int await(Arguments arguments) throws CommandException {
    try (ApiClient client = DaemonAccess.connect(arguments)) {
      String vm = VmCommands.named(arguments, name -> new ApiRequest.AwaitVm(name, 0)).vm();
      return show(arguments, awaitEnd(client, vm));
    }
  }

  /** Waits for the end of a VM and returns what is known of it then. */
  static SequencedMap<String, Object> awaitEnd(ApiClient client, String vm)
      throws CommandException {
    while (true) {
      SequencedMap<String, Object> facts =
          client.facts(
              new ApiRequest.AwaitVm(vm, ApiRequest.AwaitVm.WAIT_MILLIS_MAX),
              Duration.ofMillis(ApiRequest.AwaitVm.WAIT_MILLIS_MAX));
      if ("ended".equals(facts.get("state"))) {
        return facts;
      }
    }
  }

  private int show(Arguments arguments, SequencedMap<String, Object> facts) {
    if (Commands.json(arguments)) {
      terminal.out().println(Json.write(facts));
    } else {
      new FactsReport(terminal).vm(facts);
    }
    return facts.get("exit_code") instanceof Number code
        ? code.intValue()
        : ExitCode.SYSTEM_ERROR.code();
  }

  private int pool(Arguments arguments) throws CommandException {
    try (ApiClient client = DaemonAccess.connect(arguments)) {
      Optional<String> template = arguments.parameter(TEMPLATE);
      SequencedMap<String, Object> facts =
          template.isPresent()
              ? client.facts(
                  new ApiRequest.WarmPool(template.get(), WARM_MILLIS),
                  Duration.ofMillis(WARM_MILLIS))
              : client.facts(new ApiRequest.ListPools(), ApiClient.QUICK);
      if (Commands.json(arguments)) {
        terminal.out().println(Json.write(facts));
      } else {
        printPools(template.isPresent() ? List.of(facts) : (Collection<?>) facts.get("pools"));
      }
    } catch (IllegalArgumentException e) {
      throw new CommandException(ExitCode.NOT_FOUND, e.getMessage(), e);
    }
    return ExitCode.OK.code();
  }

  private void printPools(Collection<?> pools) {
    List<String> columns =
        List.of("template", "waiting", "size", "making", "made", "making_ms", "trouble");
    Table table = new Table();
    columns.forEach(column -> table.column(column.replace('_', ' '), Table.Align.LEFT));
    for (Object pool : pools) {
      List<String> row = new ArrayList<>();
      columns.forEach(column -> row.add(FactsReport.plain(((Map<?, ?>) pool).get(column))));
      table.row(row.toArray(String[]::new));
    }
    table.print(terminal);
  }
}
