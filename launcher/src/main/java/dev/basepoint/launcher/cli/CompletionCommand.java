package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.cli.syntax.BashCompletion;

/** {@code vmm-launch completion}. */
final class CompletionCommand {
  private final CliContext context;

  CompletionCommand(CliContext context) {
    this.context = context;
  }

  int run(Arguments arguments) {
    context.terminal().out().print(BashCompletion.script(Commands.program(context)));
    return ExitCode.OK.code();
  }
}
