package dev.basepoint.launcher.cli.syntax;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A command: either one that does something or one that holds others.
 *
 * @param name the word on the command line
 * @param summary one sentence for help
 * @param options its own options; {@code --help} is added to every command
 * @param parameters in their order; only the last ones may be optional
 * @param examples lines for help
 * @param subcommands the commands that it holds
 * @param action what it does; null if it only holds others
 */
public record Command(
    String name,
    String summary,
    List<Option> options,
    List<Parameter> parameters,
    List<String> examples,
    List<Command> subcommands,
    Action action) {
  /** {@code --help}, which every command has. */
  public static final Option HELP = new Option(List.of("-h", "--help"), "", "Show this help.");

  /** What a command does. */
  @FunctionalInterface
  public interface Action {
    /** Does it and returns the exit code. */
    int run(Arguments arguments) throws Exception;
  }

  public Command {
    List<Option> all = new ArrayList<>(options);
    if (!all.contains(HELP)) {
      all.add(HELP);
    }
    options = List.copyOf(all);
    parameters = List.copyOf(parameters);
    examples = List.copyOf(examples);
    subcommands = List.copyOf(subcommands);
  }

  Optional<Command> subcommand(String word) {
    return subcommands.stream().filter(command -> command.name.equals(word)).findFirst();
  }

  Optional<Option> option(String word) {
    return options.stream().filter(option -> option.names().contains(word)).findFirst();
  }
}
