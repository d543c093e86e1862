package dev.basepoint.tests.system;

import dev.basepoint.tests.escape.Victim;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Attempts by role, and what each came to. */
final class EscapeTable {
  private static final int NAME_WIDTH = 24;
  private static final int VERDICT_WIDTH = 28;

  private final String title;
  private final Map<String, Map<Victim, EscapeVerdict>> rows = new HashMap<>();
  private final List<String> failures = new ArrayList<>();

  EscapeTable(String title) {
    this.title = title;
  }

  /**
   * Enters a verdict.
   *
   * @param evidence for the failure's message, if it is one
   */
  synchronized void add(String attempt, Victim victim, EscapeVerdict verdict, String evidence) {
    rows.computeIfAbsent(attempt, _ -> new EnumMap<>(Victim.class)).put(victim, verdict);
    if (!verdict.stopped()) {
      failures.add(victim.key() + " " + attempt + ": " + verdict.text() + "\n" + evidence);
    }
  }

  /** What was not stopped, or not even tried. */
  synchronized List<String> failures() {
    return List.copyOf(failures);
  }

  /** How many attempts of one role have a verdict. */
  synchronized int count(Victim victim) {
    return (int) rows.values().stream().filter(row -> row.containsKey(victim)).count();
  }

  /** Prints the rows in the order of {@code names}. */
  synchronized void print(List<String> names) {
    StringBuilder text = new StringBuilder("\n" + title + "\n" + cell("attempt", NAME_WIDTH));
    for (Victim victim : Victim.values()) {
      text.append(cell(victim.key() + " (" + count(victim) + ")", VERDICT_WIDTH));
    }
    text.append('\n');
    for (String name : names) {
      Map<Victim, EscapeVerdict> row = rows.get(name);
      if (row != null) {
        text.append(cell(name, NAME_WIDTH));
        for (Victim victim : Victim.values()) {
          text.append(cell(row.containsKey(victim) ? row.get(victim).text() : "-", VERDICT_WIDTH));
        }
        text.append('\n');
      }
    }
    System.out.println(text);
  }

  private static String cell(String text, int width) {
    return text + " ".repeat(Math.max(1, width - text.length()));
  }
}
