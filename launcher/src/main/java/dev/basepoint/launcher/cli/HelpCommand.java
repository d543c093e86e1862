package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Arguments;
import java.util.ArrayList;
import java.util.List;

/** {@code vmm-launch help}: the same as {@code --help} at the command. */
final class HelpCommand {
  private final CliContext context;

  HelpCommand(CliContext context) {
    this.context = context;
  }

  int run(Arguments arguments) {
    List<String> words = new ArrayList<>();
    arguments.parameter("COMMAND").ifPresent(words::add);
    words.add("--help");
    return new Cli(context).execute(words.toArray(String[]::new));
  }
}
