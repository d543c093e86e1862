package dev.basepoint.launcher.daemon;

import java.util.SequencedMap;

/** Hears what the daemon does; methods may be called by any thread. */
@FunctionalInterface
public interface DaemonLog {
  /**
   * Something happened.
   *
   * @param event a word, for example {@code vm-started}
   * @param facts about it: strings, numbers, booleans
   */
  void log(String event, SequencedMap<String, Object> facts);
}
