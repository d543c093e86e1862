package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.cli.syntax.Command;
import dev.basepoint.launcher.cli.syntax.Help;
import dev.basepoint.launcher.cli.syntax.Parser;
import dev.basepoint.launcher.cli.syntax.UsageException;
import dev.basepoint.launcher.manifest.ManifestException;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Terminal;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/** The command line: parses arguments, runs one command, turns every failure into one message. */
public final class Cli {
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
      return invoke(Parser.parse(Commands.program(context), List.of(args)));
    } catch (UsageException e) {
      error(e.getMessage());
      terminal.err().println("See: " + Help.qualifiedName(e.path()) + " --help");
      return ExitCode.USAGE.code();
    } catch (CommandException e) {
      error(e.getMessage());
      debug(e);
      return e.exitCode().code();
    } catch (ManifestException e) {
      e.problems().forEach(problem -> ManifestProblems.print(problem, terminal));
      return ExitCode.INPUT_INVALID.code();
    } catch (Exception e) {
      error("internal error, please report it: " + e);
      terminal.err().println("With VMM_DEBUG=1 in the environment the next run says where.");
      debug(e);
      return ExitCode.INTERNAL_ERROR.code();
    } finally {
      terminal.out().flush();
      terminal.err().flush();
    }
  }

  private int invoke(Arguments.Invocation invocation) throws Exception {
    Command command = invocation.command();
    Arguments arguments = invocation.arguments();
    if (arguments.has(Command.HELP)) {
      Help.print(invocation.path(), "Exit codes", exitCodes(), terminal);
      return ExitCode.OK.code();
    }
    if (arguments.has(Commands.VERSION)) {
      terminal.out().println("vmm-launch " + Version.text());
      return ExitCode.OK.code();
    }
    if (command.action() == null) {
      throw new UsageException("a command is missing", invocation.path());
    }
    return command.action().run(arguments);
  }

  private static SequencedMap<String, String> exitCodes() {
    SequencedMap<String, String> codes = new LinkedHashMap<>();
    for (ExitCode code : ExitCode.values()) {
      String number = Integer.toString(code.code());
      codes.put(" ".repeat(3 - number.length()) + number, code.meaning());
    }
    return codes;
  }

  private void error(String message) {
    terminal.err().println(terminal.paintErr(Style.RED, "vmm-launch:") + " " + message);
  }

  private void debug(Exception e) {
    if ("1".equals(System.getenv("VMM_DEBUG"))) {
      e.printStackTrace(terminal.err());
    }
  }
}
