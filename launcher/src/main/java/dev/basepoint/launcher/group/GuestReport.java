package dev.basepoint.launcher.group;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * Collects what the probe guest reports: console lines that begin with {@code @probe } and hold one
 * flat JSON object. The guest is not trusted: lines, values and events are bounded, and anything
 * else is only text.
 */
public final class GuestReport {
  private static final byte[] PREFIX = "@probe ".getBytes(StandardCharsets.US_ASCII);
  private static final int LINE_BYTES_MAX = 16 * 1024;
  private static final int EVENTS_MAX = 4096;

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder().maxNestingDepth(4).maxNumberLength(32).build())
          .build();

  private final byte[] line = new byte[LINE_BYTES_MAX];
  private final List<SequencedMap<String, Object>> events = new ArrayList<>();
  private int length;
  private boolean overlong;
  private long bytes;

  /** Takes the next {@code count} bytes of console output. */
  synchronized void add(byte[] output, int count) {
    bytes += count;
    for (int i = 0; i < count; i++) {
      if (output[i] == '\n') {
        endLine();
      } else if (length < LINE_BYTES_MAX) {
        line[length++] = output[i];
      } else {
        overlong = true;
      }
    }
  }

  private void endLine() {
    if (!overlong && startsWithPrefix() && events.size() < EVENTS_MAX) {
      SequencedMap<String, Object> event =
          parse(new String(line, PREFIX.length, length - PREFIX.length, StandardCharsets.UTF_8));
      if (event != null && event.get("event") instanceof String) {
        events.add(event);
      }
    }
    length = 0;
    overlong = false;
  }

  private boolean startsWithPrefix() {
    return length > PREFIX.length
        && java.util.Arrays.equals(line, 0, PREFIX.length, PREFIX, 0, PREFIX.length);
  }

  /**
   * Returns a flat object's members, or null for anything else: a guest may print what it likes.
   */
  private static SequencedMap<String, Object> parse(String json) {
    SequencedMap<String, Object> members = new LinkedHashMap<>();
    try (JsonParser parser = JSON.createParser(json)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return null;
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        Object value =
            switch (parser.nextToken()) {
              case VALUE_STRING -> parser.getText();
              case VALUE_NUMBER_INT -> parser.getLongValue();
              case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
              case VALUE_TRUE -> true;
              case VALUE_FALSE -> false;
              default -> null;
            };
        if (value == null) {
          return null;
        }
        members.put(name, value);
      }
      return members;
    } catch (IOException e) {
      return null;
    }
  }

  /** All events so far, in order. */
  public synchronized List<SequencedMap<String, Object>> events() {
    return List.copyOf(events);
  }

  /** The events of one kind, for example {@code "blk"}. */
  public List<SequencedMap<String, Object>> events(String kind) {
    return events().stream().filter(event -> kind.equals(event.get("event"))).toList();
  }

  /** Bytes of console output so far. */
  public synchronized long consoleBytes() {
    return bytes;
  }
}
