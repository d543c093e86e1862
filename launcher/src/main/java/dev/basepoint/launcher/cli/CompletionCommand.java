package dev.basepoint.launcher.cli;

import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;

/** {@code vmm-launch completion}. */
@Command(
    name = "completion",
    description = "Print a script that completes commands and options in bash and zsh.",
    footerHeading = "%nExamples%n",
    footer = {
      "  source <(vmm-launch completion)",
      "  vmm-launch completion > /etc/bash_completion.d/vmm-launch"
    })
final class CompletionCommand implements Callable<Integer> {
  private final CliContext context;

  CompletionCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    context
        .terminal()
        .out()
        .println(AutoComplete.bash("vmm-launch", new Cli(context).commandLine()));
    return ExitCode.OK.code();
  }
}
