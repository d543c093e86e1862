package dev.basepoint.launcher.manifest;

import java.util.List;
import java.util.stream.Collectors;

/** Reads schema keywords and puts rules and values into words. */
final class Texts {
  private Texts() {}

  /** The strings of a keyword that holds one string or a list of them; empty if it is absent. */
  static List<String> list(Value keyword) {
    return switch (keyword) {
      case null -> List.of();
      case Value.Text text -> List.of(text.text());
      case Value.Sequence sequence -> sequence.items().stream().map(Texts::literal).toList();
      default -> throw new IllegalStateException("schema keyword is no list of strings");
    };
  }

  static long number(Value.Mapping rules, String keyword, long absent) {
    return rules.get(keyword) instanceof Value.Whole whole ? whole.number() : absent;
  }

  static String string(Value.Mapping rules, String keyword) {
    return rules.get(keyword) instanceof Value.Text text ? text.text() : "";
  }

  /** What a rule wants, in words: its title with an example, or its types. */
  static String expected(Value.Mapping rules, List<String> types) {
    String title = string(rules, "title");
    if (title.isEmpty() || types.contains("object")) {
      return types.stream().map(Texts::typeName).collect(Collectors.joining(" or "));
    }
    List<String> examples = list(rules.get("examples"));
    return examples.isEmpty() ? title : title + " (for example " + examples.getFirst() + ")";
  }

  static String typeName(String type) {
    return switch (type) {
      case "object" -> "a mapping";
      case "array" -> "a list";
      case "string" -> "text";
      case "integer" -> "a whole number";
      case "boolean" -> "true or false";
      default -> type;
    };
  }

  /** A value as a message shows it: its text if it is short, its kind otherwise. */
  static String found(Value value) {
    return switch (value) {
      case Value.Mapping mapping -> "a mapping";
      case Value.Sequence sequence -> "a list";
      case Value.Text text -> Quote.of(text.text());
      case Value.Null nothing -> "nothing";
      case Value.Whole w -> literal(w);
      case Value.OtherNumber n -> literal(n);
      case Value.Bool b -> literal(b);
    };
  }

  /** A scalar's text without quotes; two scalars of one type are equal if their literals are. */
  static String literal(Value value) {
    return switch (value) {
      case Value.Text text -> text.text();
      case Value.Whole whole -> Long.toString(whole.number());
      case Value.OtherNumber number -> Quote.clean(number.literal());
      case Value.Bool bool -> Boolean.toString(bool.value());
      case Value.Null nothing -> "null";
      case Value.Mapping mapping -> "a mapping";
      case Value.Sequence sequence -> "a list";
    };
  }
}
