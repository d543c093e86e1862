package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.cli.syntax.Option;
import dev.basepoint.launcher.manifest.ByteSize;
import dev.basepoint.launcher.manifest.Durations;
import java.util.Optional;

/** Reads the values of options, written as manifests write them. */
final class OptionValues {
  private OptionValues() {}

  /** A whole number from {@code min} to {@code max}. */
  static Optional<Integer> count(Arguments arguments, Option option, int min, int max)
      throws CommandException {
    Optional<String> text = arguments.value(option);
    if (text.isEmpty()) {
      return Optional.empty();
    }
    int value = text.get().matches("[0-9]{1,9}") ? Integer.parseInt(text.get()) : -1;
    if (value < min || value > max) {
      throw wrong(option, text.get(), "give a whole number from " + min + " to " + max);
    }
    return Optional.of(value);
  }

  /** A size in bytes. */
  static Optional<Long> bytes(Arguments arguments, Option option) throws CommandException {
    Optional<String> text = arguments.value(option);
    if (text.isPresent() && !text.get().matches("[1-9][0-9]{0,5}(KiB|MiB|GiB|TiB)")) {
      throw wrong(option, text.get(), "give a size such as 512MiB or 4GiB");
    }
    return text.map(ByteSize::parse);
  }

  /** A duration in milliseconds. */
  static Optional<Long> millis(Arguments arguments, Option option, long max)
      throws CommandException {
    Optional<String> text = arguments.value(option);
    if (text.isEmpty()) {
      return Optional.empty();
    }
    boolean valid = text.get().matches("[1-9][0-9]{0,5}(ms|s|m)");
    if (!valid || Durations.parseMillis(text.get()) > max) {
      throw wrong(
          option,
          text.get(),
          "give a duration such as 500ms, 10s or 1m, at most " + Durations.format(max));
    }
    return text.map(Durations::parseMillis);
  }

  private static CommandException wrong(Option option, String value, String advice) {
    return new CommandException(
        ExitCode.USAGE, option.names().getFirst() + " " + value + " is not possible; " + advice);
  }
}
