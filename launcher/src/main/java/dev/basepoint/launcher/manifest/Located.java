package dev.basepoint.launcher.manifest;

import java.util.HashMap;
import java.util.Map;

/** Remembers where each value of a decoded manifest stands, for checks that come after decoding. */
final class Located {
  private final Map<String, Mark> marks = new HashMap<>();

  Located(Value root) {
    remember("", root);
  }

  private void remember(String key, Value value) {
    marks.put(key, value.mark());
    switch (value) {
      case Value.Mapping mapping ->
          mapping
              .entries()
              .forEach((name, entry) -> remember(KeyPath.child(key, name), entry.value()));
      case Value.Sequence sequence -> {
        for (int i = 0; i < sequence.items().size(); i++) {
          remember(KeyPath.item(key, i), sequence.items().get(i));
        }
      }
      default -> {}
    }
  }

  /** Whether the manifest has {@code key}. */
  boolean has(String key) {
    return marks.containsKey(key);
  }

  /** Where {@code key} stands, or, if the manifest leaves it out, where its parent does. */
  Mark mark(String key) {
    Mark mark = marks.get(key);
    if (mark != null) {
      return mark;
    }
    int end = Math.max(key.lastIndexOf('.'), key.lastIndexOf('['));
    return end < 0 ? Mark.START : mark(key.substring(0, end));
  }
}
