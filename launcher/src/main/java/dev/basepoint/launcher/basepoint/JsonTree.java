package dev.basepoint.launcher.basepoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/** A parsed JSON object whose members are asked for by key and type. */
final class JsonTree {
  private static final int DEPTH_MAX = 8;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .enable(com.fasterxml.jackson.core.StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(DEPTH_MAX)
                  .maxNumberLength(32)
                  .build())
          .build();

  private final String where;
  private final SequencedMap<String, Object> members;

  private JsonTree(String where, SequencedMap<String, Object> members) {
    this.where = where;
    this.members = members;
  }

  /**
   * Parses one object.
   *
   * @throws IOException if it is none
   */
  static JsonTree parse(String json) throws IOException {
    try (JsonParser parser = FACTORY.createParser(json)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new IOException("there is no JSON object");
      }
      SequencedMap<String, Object> members = object(parser);
      if (parser.nextToken() != null) {
        throw new IOException("something follows the JSON object");
      }
      return new JsonTree("", members);
    }
  }

  private static SequencedMap<String, Object> object(JsonParser parser) throws IOException {
    SequencedMap<String, Object> members = new LinkedHashMap<>();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      parser.nextToken();
      members.put(name, value(parser));
    }
    return members;
  }

  private static Object value(JsonParser parser) throws IOException {
    return switch (parser.currentToken()) {
      case START_OBJECT -> object(parser);
      case START_ARRAY -> {
        List<Object> items = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          items.add(value(parser));
        }
        yield items;
      }
      case VALUE_STRING -> parser.getText();
      case VALUE_NUMBER_INT -> parser.getLongValue();
      default -> throw new IOException("unexpected " + parser.currentToken());
    };
  }

  boolean has(String key) {
    return members.containsKey(key);
  }

  /** The keys in their order. */
  List<String> keys() {
    return List.copyOf(members.keySet());
  }

  String text(String key) throws IOException {
    return member(key, String.class);
  }

  long whole(String key) throws IOException {
    return member(key, Long.class);
  }

  @SuppressWarnings("unchecked") // object() alone makes maps, and of this type only.
  JsonTree tree(String key) throws IOException {
    return new JsonTree(
        where + key + ".", (SequencedMap<String, Object>) member(key, SequencedMap.class));
  }

  @SuppressWarnings("unchecked") // As above.
  List<JsonTree> trees(String key) throws IOException {
    List<JsonTree> trees = new ArrayList<>();
    for (Object item : member(key, List.class)) {
      if (!(item instanceof SequencedMap<?, ?>)) {
        throw new IOException(where + key + " holds something else than objects");
      }
      trees.add(new JsonTree(where + key + "[].", (SequencedMap<String, Object>) item));
    }
    return trees;
  }

  List<String> texts(String key) throws IOException {
    List<String> texts = new ArrayList<>();
    for (Object item : member(key, List.class)) {
      if (!(item instanceof String text)) {
        throw new IOException(where + key + " holds something else than text");
      }
      texts.add(text);
    }
    return texts;
  }

  private <T> T member(String key, Class<T> type) throws IOException {
    Object value = members.get(key);
    if (!type.isInstance(value)) {
      throw new IOException(
          where + key + (value == null ? " is missing" : " is of another type than expected"));
    }
    return type.cast(value);
  }
}
