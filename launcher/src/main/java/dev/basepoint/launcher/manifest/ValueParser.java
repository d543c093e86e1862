package dev.basepoint.launcher.manifest;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * Reads YAML or JSON text into {@link Value}s. Text that starts with a brace is JSON. YAML aliases
 * and tags are refused, so that a short text can neither expand nor name a class.
 */
final class ValueParser {
  private static final int DEPTH_MAX = 32;
  private static final int NUMBER_DIGITS_MAX = 100;

  private final JsonParser parser;
  private final Problems problems;

  private ValueParser(JsonParser parser, Problems problems) {
    this.parser = parser;
    this.problems = problems;
  }

  /** Signals that the text cannot be read any further; the reason is in the problems. */
  private static final class Stop extends Exception {
    Stop() {
      super(null, null, false, false);
    }
  }

  /**
   * Parses one document.
   *
   * @return the root, or null if the text could not be read to its end; duplicate keys are reported
   *     but do not stop the reading
   */
  static Value parse(String text, Problems problems) {
    boolean json = text.stripLeading().startsWith("{");
    JsonFactory factory = json ? jsonFactory() : yamlFactory();
    try (JsonParser parser = factory.createParser(text)) {
      return new ValueParser(parser, problems).document();
    } catch (JsonProcessingException e) {
      problems.error(
          mark(e.getLocation()), "", (json ? "not JSON: " : "not YAML: ") + reason(e), "");
      return null;
    } catch (IOException e) {
      throw new IllegalStateException("text in memory cannot fail to be read", e);
    } catch (Stop e) {
      return null;
    }
  }

  private static StreamReadConstraints constraints() {
    // One more level than is accepted: the depth is reported here, with its key.
    return StreamReadConstraints.builder()
        .maxNestingDepth(DEPTH_MAX + 1)
        .maxNumberLength(NUMBER_DIGITS_MAX)
        .build();
  }

  private static JsonFactory jsonFactory() {
    return JsonFactory.builder().streamReadConstraints(constraints()).build();
  }

  private static JsonFactory yamlFactory() {
    return YAMLFactory.builder()
        .streamReadConstraints(constraints())
        .enable(YAMLParser.Feature.PARSE_BOOLEAN_LIKE_WORDS_AS_STRINGS)
        .build();
  }

  private Value document() throws IOException, Stop {
    JsonToken first = parser.nextToken();
    if (first == null) {
      problems.error(Mark.START, "", "the manifest is empty", "see examples/probe.yaml");
      return null;
    }
    Value root = value("", 0);
    if (parser.nextToken() != null) {
      problems.error(
          mark(parser.currentTokenLocation()), "", "a second document begins here", "keep one");
      return null;
    }
    return root;
  }

  private Value value(String key, int depth) throws IOException, Stop {
    Mark mark = mark(parser.currentTokenLocation());
    if (depth > DEPTH_MAX) {
      throw stop(mark, key, "nested deeper than " + DEPTH_MAX + " levels", "");
    }
    if (parser instanceof YAMLParser yaml && yaml.isCurrentAlias()) {
      throw stop(
          mark, key, "aliases are not supported", "write the value of *" + text() + " out here");
    }
    if (parser.getTypeId() != null) {
      throw stop(mark, key, "YAML tags are not supported", "remove the word that begins with !");
    }
    return switch (parser.currentToken()) {
      case START_OBJECT -> mapping(mark, key, depth);
      case START_ARRAY -> sequence(mark, key, depth);
      case VALUE_STRING -> new Value.Text(mark, parser.getText());
      case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> number(mark, parser.getText());
      case VALUE_TRUE -> new Value.Bool(mark, true);
      case VALUE_FALSE -> new Value.Bool(mark, false);
      case VALUE_NULL -> new Value.Null(mark);
      default -> throw stop(mark, key, "unexpected " + parser.currentToken(), "");
    };
  }

  private Value mapping(Mark mark, String key, int depth) throws IOException, Stop {
    SequencedMap<String, Value.Entry> entries = new LinkedHashMap<>();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      Mark keyMark = mark(parser.currentTokenLocation());
      String name = parser.currentName();
      String path = KeyPath.child(key, name);
      parser.nextToken();
      Value value = value(path, depth + 1);
      Value.Entry earlier = entries.get(name);
      if (earlier == null) {
        entries.put(name, new Value.Entry(keyMark, value));
      } else {
        problems.error(
            keyMark,
            path,
            "the key is given twice",
            "line " + earlier.keyMark().line() + " has it already");
      }
    }
    return new Value.Mapping(mark, entries);
  }

  private Value sequence(Mark mark, String key, int depth) throws IOException, Stop {
    List<Value> items = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      items.add(value(KeyPath.item(key, items.size()), depth + 1));
    }
    return new Value.Sequence(mark, items);
  }

  private static Value number(Mark mark, String literal) {
    try {
      return new Value.Whole(mark, Long.parseLong(literal.replace("_", "")));
    } catch (NumberFormatException e) {
      return new Value.OtherNumber(mark, literal);
    }
  }

  private String text() throws IOException {
    return Quote.clean(parser.getText());
  }

  private Stop stop(Mark mark, String key, String message, String hint) {
    problems.error(mark, key, message, hint);
    return new Stop();
  }

  private static Mark mark(JsonLocation location) {
    return location == null || location.getLineNr() < 1
        ? Mark.START
        : new Mark(location.getLineNr(), Math.max(1, location.getColumnNr()));
  }

  /** The first line of the parser's explanation, without its own idea of the place. */
  private static String reason(JsonProcessingException e) {
    String message = e.getOriginalMessage();
    return message == null ? "unreadable" : Quote.printable(message.lines().findFirst().orElse(""));
  }
}
