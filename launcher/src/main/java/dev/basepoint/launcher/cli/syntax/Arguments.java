package dev.basepoint.launcher.cli.syntax;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a command line said to a command. */
public final class Arguments {
  private final Map<Option, String> options;
  private final Map<String, String> parameters;

  Arguments(Map<Option, String> options, Map<String, String> parameters) {
    this.options = Map.copyOf(options);
    this.parameters = Map.copyOf(parameters);
  }

  /** Whether {@code option} was given. */
  public boolean has(Option option) {
    return options.containsKey(option);
  }

  /** The value that was given to {@code option}. */
  public Optional<String> value(Option option) {
    return Optional.ofNullable(options.get(option));
  }

  /** The parameter {@code label}, which was given if it is a required one. */
  public Optional<String> parameter(String label) {
    return Optional.ofNullable(parameters.get(label));
  }

  /** What one command line comes down to: the commands from the program on, and their arguments. */
  public record Invocation(List<Command> path, Arguments arguments) {
    /** The command that runs. */
    public Command command() {
      return path.getLast();
    }
  }
}
