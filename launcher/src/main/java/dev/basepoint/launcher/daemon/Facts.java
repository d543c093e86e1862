package dev.basepoint.launcher.daemon;

import java.util.LinkedHashMap;
import java.util.SequencedMap;

/** Makes maps of facts. */
final class Facts {
  private Facts() {}

  /** A map that keeps the order; keys and values alternate. */
  static SequencedMap<String, Object> of(Object... keysAndValues) {
    SequencedMap<String, Object> facts = new LinkedHashMap<>();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      facts.put((String) keysAndValues[i], keysAndValues[i + 1]);
    }
    return facts;
  }
}
