package dev.basepoint.tests.escape;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** All that an intruder tries. */
public final class Attempts {
  private Attempts() {}

  /** Every attempt, the harmless ones of a process first. */
  public static List<Attempt> all() {
    List<Attempt> all = new ArrayList<>();
    all.addAll(OwnDescriptors.attempts());
    all.addAll(Files.attempts());
    all.addAll(Sockets.attempts());
    all.addAll(Processes.attempts());
    all.addAll(Privileges.attempts());
    all.addAll(KernelParts.attempts());
    all.addAll(Code.attempts());
    all.addAll(Exhaustion.attempts());
    return List.copyOf(all);
  }

  /** As {@link #all}, by name. */
  static Map<String, Attempt> byName() {
    Map<String, Attempt> attempts = new LinkedHashMap<>();
    for (Attempt attempt : all()) {
      if (attempts.put(attempt.name(), attempt) != null) {
        throw new IllegalStateException("two attempts are called " + attempt.name());
      }
    }
    return attempts;
  }
}
