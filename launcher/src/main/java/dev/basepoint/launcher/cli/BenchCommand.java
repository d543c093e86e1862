package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.bench.LaunchBench;
import dev.basepoint.launcher.bench.LaunchChart;
import dev.basepoint.launcher.bench.RoleBench;
import dev.basepoint.launcher.bench.SandboxBench;
import dev.basepoint.launcher.bench.StartBench;
import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.cli.syntax.Command;
import dev.basepoint.launcher.cli.syntax.Option;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.SandboxLevel;
import dev.basepoint.launcher.output.Json;
import dev.basepoint.launcher.output.Progress;
import dev.basepoint.launcher.output.Table;
import dev.basepoint.launcher.output.Terminal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** {@code vmm-launch bench}: figures of this host. */
final class BenchCommand {
  private static final Option COUNT =
      Option.valued("--count", "N", "Runs to count of each kind; 10 if not given.");

  private static final Option CHART =
      Option.valued("--chart", "FILE", "Draw the figures as an SVG image, too.");

  private static final int COUNT_MAX = 10_000;
  private static final String EXIT_BENCH = "dev.basepoint.vmm.bench.ExitBench";
  private static final String SHADOW_BENCH = "dev.basepoint.vmm.bench.ShadowBench";

  private final CliContext context;

  private BenchCommand(CliContext context) {
    this.context = context;
  }

  static Command command(CliContext context) {
    BenchCommand bench = new BenchCommand(context);
    return new Command(
        "bench",
        "Measure this host: figures and ratios, never a verdict.",
        List.of(),
        List.of(),
        List.of("vmm-launch bench start --count 20", "vmm-launch bench exits"),
        List.of(
            new Command(
                "start",
                "Time from the command to the guest's first byte, in turn with QEMU's microvm.",
                List.of(COUNT, Commands.JSON),
                List.of(),
                List.of("vmm-launch bench start --count 20 --json | jq .qemu"),
                List.of(),
                bench::start),
            new Command(
                "launch",
                "Time until a VM runs: started, restored and forked, in turn with QEMU's microvm.",
                List.of(COUNT, CHART, Commands.JSON),
                List.of(),
                List.of("vmm-launch bench launch --count 50 --chart launch.svg"),
                List.of(),
                bench::launch),
            new Command(
                "exits",
                "What handling a VM exit in Java costs over the exit itself; prints JSON.",
                List.of(Commands.JSON),
                List.of(),
                List.of("vmm-launch bench exits | jq .exits"),
                List.of(),
                _ -> bench.role(EXIT_BENCH)),
            new Command(
                "shadow",
                "What a request through the shadow virtqueue costs over the device alone; prints"
                    + " JSON.",
                List.of(Commands.JSON),
                List.of(),
                List.of("vmm-launch bench shadow"),
                List.of(),
                _ -> bench.role(SHADOW_BENCH)),
            new Command(
                "sandbox",
                "What the sandbox costs: a VM's start at each level, and a disk request with and"
                    + " without the system call filter.",
                List.of(COUNT, Commands.JSON),
                List.of(),
                List.of(
                    "vmm-launch bench sandbox --count 20",
                    "vmm-launch bench sandbox --json | jq .blk_read_4k_depth_1"),
                List.of(),
                bench::sandbox)),
        null);
  }

  private int role(String mainClass) throws Exception {
    try (Progress progress = new Progress(context.terminal())) {
      progress.step("measuring");
      String json = RoleBench.ofVmmMain(Installation.current(), mainClass);
      progress.clear();
      context.terminal().out().println(json);
    }
    return ExitCode.OK.code();
  }

  private int start(Arguments arguments) throws Exception {
    StartBench.Result result;
    try (Progress progress = new Progress(context.terminal())) {
      result = StartBench.run(Installation.current(), count(arguments), progress::step);
    }
    if (Commands.json(arguments)) {
      context.terminal().out().println(Json.write(result.toJson()));
    } else {
      print(result);
    }
    return ExitCode.OK.code();
  }

  private int sandbox(Arguments arguments) throws Exception {
    SandboxBench.Result result;
    try (Progress progress = new Progress(context.terminal())) {
      result = SandboxBench.run(Installation.current(), count(arguments), progress::step);
    }
    if (Commands.json(arguments)) {
      context.terminal().out().println(Json.write(result.toJson()));
    } else {
      print(result);
    }
    return ExitCode.OK.code();
  }

  private int launch(Arguments arguments) throws Exception {
    LaunchBench.Result result;
    try (Progress progress = new Progress(context.terminal())) {
      result = LaunchBench.run(Installation.current(), count(arguments), progress::step);
    }
    if (arguments.has(CHART)) {
      Files.writeString(Path.of(arguments.value(CHART).orElseThrow()), LaunchChart.draw(result));
    }
    if (Commands.json(arguments)) {
      context.terminal().out().println(Json.write(result.toJson()));
    } else {
      new LaunchReport(context.terminal()).print(result);
    }
    return ExitCode.OK.code();
  }

  private void print(SandboxBench.Result result) {
    Terminal terminal = context.terminal();
    Table starts =
        figures("start to the guest's ready doorbell", "ms").column("to off", Table.Align.RIGHT);
    result
        .starts()
        .forEach(
            (level, figures) ->
                row(starts, level.key(), figures, "ms", "" + result.startRatio(level)));
    starts.print(terminal);
    terminal.out().println();
    Table requests = figures("read of 4 KiB, one at a time", "us");
    requests.column("with / without", Table.Align.RIGHT);
    row(
        requests,
        "with seccomp (strict)",
        result.requests().get(SandboxLevel.STRICT),
        "us",
        "" + result.requestRatio());
    row(requests, "without (off)", result.requests().get(SandboxLevel.OFF), "us", "");
    requests.print(terminal);
    terminal.out().println();
    terminal.out().println(result.host().describe());
  }

  private static Table figures(String what, String unit) {
    return new Table()
        .column(what, Table.Align.LEFT)
        .column("runs", Table.Align.RIGHT)
        .column("p50 " + unit, Table.Align.RIGHT)
        .column("p99 " + unit, Table.Align.RIGHT);
  }

  private static int count(Arguments arguments) throws CommandException {
    String text = arguments.value(COUNT).orElse("10");
    if (!text.matches("[0-9]{1,5}")
        || Integer.parseInt(text) < 1
        || Integer.parseInt(text) > COUNT_MAX) {
      throw new CommandException(
          ExitCode.USAGE, "--count " + text + ": give a number from 1 to " + COUNT_MAX);
    }
    return Integer.parseInt(text);
  }

  private void print(StartBench.Result result) {
    Terminal terminal = context.terminal();
    Table table =
        figures("to the guest's first byte", "ms").column("ours / theirs", Table.Align.RIGHT);
    row(table, "vmm-launch run, 5 processes", result.start(), "ms", "");
    result
        .qemu()
        .forEach(
            (accelerator, figures) ->
                row(
                    table,
                    "QEMU microvm, " + accelerator,
                    figures,
                    "ms",
                    Double.toString(result.ratio(accelerator))));
    table.print(terminal);
    Table steps =
        new Table()
            .column("where ours goes: milestone", Table.Align.LEFT)
            .column("p50 ms", Table.Align.RIGHT);
    result
        .milestones()
        .forEach((name, figures) -> steps.row(name, String.valueOf(figures.get("p50_ms"))));
    terminal.out().println();
    steps.print(terminal);
    terminal.out().println();
    terminal.out().println(result.host().describe());
  }

  private static void row(
      Table table, String name, Map<String, Object> figures, String unit, String ratio) {
    table.row(
        name,
        String.valueOf(figures.get("count")),
        String.valueOf(figures.get("p50_" + unit)),
        String.valueOf(figures.get("p99_" + unit)),
        ratio);
  }
}
