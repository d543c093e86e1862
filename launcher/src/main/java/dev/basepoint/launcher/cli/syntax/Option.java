package dev.basepoint.launcher.cli.syntax;

import java.util.List;

/**
 * An option of a command.
 *
 * @param names all its spellings, dashes included
 * @param valueLabel what help calls its value; empty if it takes none
 * @param description one sentence for help
 */
public record Option(List<String> names, String valueLabel, String description) {
  public Option {
    names = List.copyOf(names);
  }

  /** An option that is there or not. */
  public static Option flag(String name, String description) {
    return new Option(List.of(name), "", description);
  }

  /** An option that takes a value: {@code --name VALUE} or {@code --name=VALUE}. */
  public static Option valued(String name, String valueLabel, String description) {
    return new Option(List.of(name), valueLabel, description);
  }

  boolean takesValue() {
    return !valueLabel.isEmpty();
  }
}
