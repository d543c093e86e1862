package dev.basepoint.launcher.cli.syntax;

import dev.basepoint.launcher.manifest.Nearest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Understands command lines. Options may stand before, between and after parameters. */
public final class Parser {
  private final Deque<String> words;
  private final List<Command> path = new ArrayList<>();
  private final Map<Option, String> options = new HashMap<>();
  private final List<String> positional = new ArrayList<>();

  private Parser(Command program, List<String> words) {
    this.words = new ArrayDeque<>(words);
    path.add(program);
  }

  /**
   * Understands {@code words}, the arguments of {@code program}.
   *
   * @throws UsageException if a command, option or parameter is unknown, missing or too much
   */
  public static Arguments.Invocation parse(Command program, List<String> words)
      throws UsageException {
    return new Parser(program, words).parse();
  }

  private Arguments.Invocation parse() throws UsageException {
    boolean optionsEnded = false;
    while (!words.isEmpty()) {
      String word = words.pop();
      if (!optionsEnded && word.equals("--")) {
        optionsEnded = true;
      } else if (!optionsEnded && word.startsWith("-") && word.length() > 1) {
        option(word);
      } else if (!current().subcommands().isEmpty()) {
        path.add(current().subcommand(word).orElseThrow(() -> unknownCommand(word)));
      } else {
        positional.add(word);
      }
    }
    return new Arguments.Invocation(
        List.copyOf(path),
        new Arguments(options, options.containsKey(Command.HELP) ? Map.of() : parameters()));
  }

  private Command current() {
    return path.getLast();
  }

  private void option(String word) throws UsageException {
    int equals = word.indexOf('=');
    String name = equals < 0 ? word : word.substring(0, equals);
    Option option = current().option(name).orElseThrow(() -> unknownOption(name));
    String value = "";
    if (option.takesValue()) {
      if (equals < 0 && words.isEmpty()) {
        throw wrong("option " + name + " needs a value: " + name + " " + option.valueLabel());
      }
      value = equals < 0 ? words.pop() : word.substring(equals + 1);
    } else if (equals >= 0) {
      throw wrong("option " + name + " takes no value");
    }
    if (options.put(option, value) != null && option.takesValue()) {
      throw wrong("option " + name + " is given twice");
    }
  }

  private Map<String, String> parameters() throws UsageException {
    List<Parameter> expected = current().parameters();
    if (positional.size() > expected.size()) {
      throw wrong("unexpected argument " + positional.get(expected.size()));
    }
    Map<String, String> parameters = new HashMap<>();
    for (int i = 0; i < expected.size(); i++) {
      if (i < positional.size()) {
        parameters.put(expected.get(i).label(), positional.get(i));
      } else if (expected.get(i).required()) {
        throw wrong("the argument " + expected.get(i).label() + " is missing");
      }
    }
    return parameters;
  }

  private UsageException unknownCommand(String word) {
    List<String> names = current().subcommands().stream().map(Command::name).toList();
    return wrong("unknown command " + word + hint(word, names));
  }

  private UsageException unknownOption(String word) {
    List<String> names =
        current().options().stream().flatMap(option -> option.names().stream()).toList();
    return wrong("unknown option " + word + hint(word, names));
  }

  private static String hint(String word, List<String> choices) {
    return Nearest.choice(word, choices)
        .map(choice -> "; did you mean " + choice + "?")
        .orElseGet(() -> choices.stream().collect(Collectors.joining(", ", "; there are: ", "")));
  }

  private UsageException wrong(String message) {
    return new UsageException(message, path);
  }
}
