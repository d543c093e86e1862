package dev.basepoint.launcher.manifest;

import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Guesses what a wrong key or value was meant to be; each method returns a hint or "". */
final class Corrections {
  private static final Pattern SIZE =
      Pattern.compile("([0-9]{1,9})\\s*([kmgt])?i?(?:b|bytes)?", Pattern.CASE_INSENSITIVE);
  private static final Pattern DURATION =
      Pattern.compile(
          "([0-9]{1,6})\\s*(ms|millis|s|sec|secs|seconds|m|min|mins|minutes|h|hour|hours|d|day|days)?");

  private Corrections() {}

  static String forKey(String name, Collection<String> known) {
    return Nearest.choice(name, known)
        .map(Corrections::didYouMean)
        .orElse("keys here: " + String.join(", ", known));
  }

  static String forChoice(List<String> words, Value value) {
    if (value instanceof Value.Whole whole && words.stream().allMatch(w -> w.matches("[0-9]+"))) {
      return "nearest valid value: " + nearestNumber(words, whole.number());
    }
    return value instanceof Value.Text text
        ? Nearest.choice(text.text(), words).map(Corrections::didYouMean).orElse("")
        : "";
  }

  private static String nearestNumber(List<String> words, long number) {
    String best = words.getFirst();
    for (String word : words) {
      if (Math.abs(Long.parseLong(word) - number) < Math.abs(Long.parseLong(best) - number)) {
        best = word;
      }
    }
    return best;
  }

  static String forType(List<String> types, String format, Value value) {
    if (value instanceof Value.Text text) {
      String word = text.text().toLowerCase(Locale.ROOT);
      if (types.contains("boolean")) {
        return switch (word) {
          case "yes", "on", "y", "true" -> "write true";
          case "no", "off", "n", "false" -> "write false";
          default -> "";
        };
      }
      if (types.contains("integer") && word.matches("[0-9]{1,9}")) {
        return "write " + word + " without quotes";
      }
    }
    if (types.contains("string")) {
      return forUnquoted(format, value);
    }
    return types.contains("array") && !(value instanceof Value.Null)
        ? "begin each entry with a dash"
        : "";
  }

  private static String forUnquoted(String format, Value value) {
    return switch (value) {
      case Value.Whole whole when format.equals("byte-size") -> didYouMean(whole.number() + "MiB");
      case Value.Whole whole when format.equals("short-duration") ->
          didYouMean(whole.number() + "s");
      case Value.Whole whole -> "write it in quotes";
      case Value.OtherNumber number when format.isEmpty() -> "write it in quotes";
      case Value.Bool bool -> "write it in quotes";
      default -> "";
    };
  }

  static String forPattern(String pattern, String format, String text) {
    Optional<String> guess =
        switch (format) {
          case "byte-size" -> size(text);
          case "short-duration" -> duration(text);
          case "mac-address" -> Optional.of(text.replace('-', ':').replace('.', ':'));
          default -> Optional.of(text.toLowerCase(Locale.ROOT).replace('_', '-').replace(' ', '-'));
        };
    return guess.filter(g -> Pattern.matches(pattern, g)).map(Corrections::didYouMean).orElse("");
  }

  private static Optional<String> size(String text) {
    Matcher matcher = SIZE.matcher(text.strip());
    if (!matcher.matches()) {
      return Optional.empty();
    }
    String unit = matcher.group(2) == null ? "M" : matcher.group(2).toUpperCase(Locale.ROOT);
    return Optional.of(matcher.group(1) + (unit.equals("K") ? "KiB" : unit + "iB"));
  }

  private static Optional<String> duration(String text) {
    Matcher matcher = DURATION.matcher(text.strip().toLowerCase(Locale.ROOT));
    if (!matcher.matches()) {
      return Optional.empty();
    }
    if (matcher.group(2) != null && matcher.group(2).startsWith("d")) {
      return Optional.of(24 * Integer.parseInt(matcher.group(1)) + "h");
    }
    String unit =
        switch (matcher.group(2)) {
          case null -> "s";
          case "h", "hour", "hours" -> "h";
          case "ms", "millis" -> "ms";
          case "m", "min", "mins", "minutes" -> "m";
          default -> "s";
        };
    return Optional.of(matcher.group(1) + unit);
  }

  private static String didYouMean(String choice) {
    return "did you mean " + Quote.clean(choice) + "?";
  }
}
