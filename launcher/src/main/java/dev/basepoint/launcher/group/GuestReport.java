package dev.basepoint.launcher.group;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Collects what the probe guest reports: console lines that begin with {@code @probe } and hold one
 * JSON object. The guest is not trusted: lines, objects and their number are bounded, anything else
 * is only text.
 */
public final class GuestReport {
  private static final byte[] PREFIX = "@probe ".getBytes(StandardCharsets.US_ASCII);
  private static final int LINE_BYTES_MAX = 16 * 1024;
  private static final int EVENTS_MAX = 4096;

  private static final ObjectMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(8)
                          .maxNumberLength(32)
                          .maxStringLength(LINE_BYTES_MAX)
                          .build())
                  .build())
          .build();

  private final byte[] line = new byte[LINE_BYTES_MAX];
  private final List<JsonNode> events = new ArrayList<>();
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
      parse(new String(line, PREFIX.length, length - PREFIX.length, StandardCharsets.UTF_8));
    }
    length = 0;
    overlong = false;
  }

  private boolean startsWithPrefix() {
    return length > PREFIX.length
        && java.util.Arrays.equals(line, 0, PREFIX.length, PREFIX, 0, PREFIX.length);
  }

  private void parse(String json) {
    try {
      if (MAPPER.readTree(json) instanceof ObjectNode event && event.path("event").isTextual()) {
        events.add(event);
      }
    } catch (JsonProcessingException e) {
      // A guest may print what it likes; only well-formed events count.
      return;
    }
  }

  /** All events so far, in order. */
  public synchronized List<JsonNode> events() {
    return List.copyOf(events);
  }

  /** The events of one kind, for example {@code "blk"}. */
  public List<JsonNode> events(String kind) {
    return events().stream().filter(event -> event.path("event").asText().equals(kind)).toList();
  }

  /** Bytes of console output so far. */
  public synchronized long consoleBytes() {
    return bytes;
  }
}
