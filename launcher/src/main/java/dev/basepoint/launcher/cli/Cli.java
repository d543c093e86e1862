package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.manifest.ManifestException;
import dev.basepoint.launcher.manifest.Nearest;
import dev.basepoint.launcher.manifest.Problem;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Terminal;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command line: parses arguments, runs one command, turns every failure into one message. */
public final class Cli {
  private static final int HELP_WIDTH_MAX = 100;

  private final CliContext context;
  private final Terminal terminal;

  /** Commands get what they depend on from {@code context}. */
  public Cli(CliContext context) {
    this.context = context;
    this.terminal = context.terminal();
  }

  /** Runs the command that {@code args} name and returns the exit code. */
  public int execute(String... args) {
    try {
      return commandLine().execute(args);
    } finally {
      terminal.out().flush();
      terminal.err().flush();
    }
  }

  /** The whole command hierarchy, ready to parse. */
  CommandLine commandLine() {
    CommandLine root = new CommandLine(new RootCommand(), new CommandFactory(context));
    addHelp(root);
    root.getSubcommands().values().forEach(Cli::addHelp);
    root.getCommandSpec()
        .addOption(
            OptionSpec.builder("-V", "--version")
                .versionHelp(true)
                .description("Show the version.")
                .build());
    root.setOut(new PrintWriter(terminal.out(), true, StandardCharsets.UTF_8));
    root.setErr(new PrintWriter(terminal.err(), true, StandardCharsets.UTF_8));
    root.setColorScheme(
        CommandLine.Help.defaultColorScheme(terminal.outHasColour() ? Ansi.ON : Ansi.OFF));
    root.setUsageHelpWidth(Math.min(terminal.width(), HELP_WIDTH_MAX));
    root.setParameterExceptionHandler(this::wrongUse);
    root.setExecutionExceptionHandler(this::failed);
    root.getCommandSpec().usageMessage().exitCodeList(exitCodes());
    root.getCommandSpec().versionProvider(() -> new String[] {"vmm-launch " + Version.text()});
    return root;
  }

  private static void addHelp(CommandLine command) {
    if (!(command.getCommand() instanceof HelpCommand)) {
      command
          .getCommandSpec()
          .addOption(
              OptionSpec.builder("-h", "--help")
                  .usageHelp(true)
                  .description("Show this help.")
                  .build());
    }
  }

  private static Map<String, String> exitCodes() {
    Map<String, String> codes = new LinkedHashMap<>();
    for (ExitCode code : ExitCode.values()) {
      codes.put(String.format("%4d", code.code()), code.meaning());
    }
    return codes;
  }

  private int wrongUse(ParameterException e, String[] args) {
    CommandLine command = e.getCommandLine();
    String name = command.getCommandSpec().qualifiedName();
    error(wrongUseMessage(e, command));
    terminal.err().println("See: " + name + " --help");
    return ExitCode.USAGE.code();
  }

  private static String wrongUseMessage(ParameterException e, CommandLine command) {
    if (!(e instanceof UnmatchedArgumentException unmatched)
        || unmatched.getUnmatched().isEmpty()) {
      return e.getMessage();
    }
    String word = unmatched.getUnmatched().getFirst();
    boolean option = word.startsWith("-");
    List<String> choices = new ArrayList<>();
    if (option) {
      command.getCommandSpec().options().forEach(o -> choices.addAll(List.of(o.names())));
    } else {
      choices.addAll(command.getSubcommands().keySet());
    }
    String what = option ? "option" : choices.isEmpty() ? "argument" : "command";
    String hint =
        Nearest.choice(word, choices)
            .map(choice -> "; did you mean " + choice + "?")
            .orElse(choices.isEmpty() ? "" : "; there are: " + String.join(", ", choices));
    return "unknown " + what + " " + word + hint;
  }

  private int failed(Exception e, CommandLine command, ParseResult parsed) {
    return switch (e) {
      case CommandException failure -> {
        error(failure.getMessage());
        debug(failure);
        yield failure.exitCode().code();
      }
      case ManifestException refused -> {
        refused.problems().forEach(this::problem);
        yield ExitCode.MANIFEST_INVALID.code();
      }
      default -> {
        error("internal error, please report it: " + e);
        terminal.err().println("With VMM_DEBUG=1 in the environment the next run says where.");
        debug(e);
        yield ExitCode.INTERNAL_ERROR.code();
      }
    };
  }

  private void error(String message) {
    terminal.err().println(terminal.paintErr(Style.RED, "vmm-launch:") + " " + message);
  }

  private void problem(Problem problem) {
    ManifestProblems.print(problem, terminal);
  }

  private void debug(Exception e) {
    if ("1".equals(System.getenv("VMM_DEBUG"))) {
      e.printStackTrace(terminal.err());
    }
  }
}
