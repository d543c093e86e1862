package dev.basepoint.launcher.output;

import java.util.Collection;
import java.util.Map;

/** Writes maps, collections, strings, numbers, booleans and null as one line of JSON (RFC 8259). */
public final class Json {
  private Json() {}

  /**
   * Returns {@code value} as JSON without line breaks; map keys keep their order.
   *
   * @throws IllegalArgumentException if it holds anything else, or a number that JSON has not
   */
  public static String write(Object value) {
    StringBuilder out = new StringBuilder();
    write(value, out);
    return out.toString();
  }

  private static void write(Object value, StringBuilder out) {
    switch (value) {
      case null -> out.append("null");
      case String text -> string(text, out);
      case Boolean bool -> out.append(bool);
      case Integer number -> out.append(number);
      case Long number -> out.append(number);
      case Double number when Double.isFinite(number) -> out.append(number);
      case Map<?, ?> map -> map(map, out);
      case Collection<?> collection -> collection(collection, out);
      default -> throw new IllegalArgumentException("not JSON: " + value);
    }
  }

  private static void map(Map<?, ?> map, StringBuilder out) {
    char separator = '{';
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      out.append(separator);
      string((String) entry.getKey(), out);
      out.append(':');
      write(entry.getValue(), out);
      separator = ',';
    }
    out.append(map.isEmpty() ? "{}" : "}");
  }

  private static void collection(Collection<?> collection, StringBuilder out) {
    char separator = '[';
    for (Object item : collection) {
      out.append(separator);
      write(item, out);
      separator = ',';
    }
    out.append(collection.isEmpty() ? "[]" : "]");
  }

  private static void string(String text, StringBuilder out) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (c < 0x20 || c == 0x7f || Character.isSurrogate(c)) {
            out.append(String.format("\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }
}
