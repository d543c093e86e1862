package dev.basepoint.sandbox.policy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A number that depends on what a process was given, for example {@code 3*queues+devices+6}: a sum
 * of whole numbers, units and multiples of units.
 *
 * @param fixed what it comes to without any unit
 * @param factors by unit, one of {@link #UNITS}
 */
public record Quantity(int fixed, Map<String, Integer> factors) {
  /**
   * What can be counted of a process: virtqueues, devices of its VM, virtual CPUs, and the files of
   * its disk, an image and the overlays upon it.
   */
  public static final List<String> UNITS = List.of("queues", "devices", "vcpus", "files");

  private static final Pattern TERM = Pattern.compile("([0-9]{1,6})(?:\\*([a-z]+))?|([a-z]+)");

  public Quantity {
    factors = new TreeMap<>(factors);
  }

  /** Reads a quantity; empty if it is none or names an unknown unit. */
  static Optional<Quantity> parse(String text) {
    int fixed = 0;
    Map<String, Integer> factors = new TreeMap<>();
    for (String term : text.split("\\+", -1)) {
      Matcher matcher = TERM.matcher(term);
      if (!matcher.matches()) {
        return Optional.empty();
      }
      int number = matcher.group(1) == null ? 1 : Integer.parseInt(matcher.group(1));
      String unit = matcher.group(3) == null ? matcher.group(2) : matcher.group(3);
      if (unit == null) {
        fixed += number;
      } else if (UNITS.contains(unit)) {
        factors.merge(unit, number, Integer::sum);
      } else {
        return Optional.empty();
      }
    }
    return Optional.of(new Quantity(fixed, factors));
  }

  /**
   * The number for a process that has so many of each unit.
   *
   * @throws IllegalArgumentException if a unit is asked for that {@code counts} does not have
   */
  public int at(Map<String, Integer> counts) {
    int sum = fixed;
    for (Map.Entry<String, Integer> factor : factors.entrySet()) {
      Integer count = counts.get(factor.getKey());
      if (count == null) {
        throw new IllegalArgumentException("how many " + factor.getKey() + "?");
      }
      sum += factor.getValue() * count;
    }
    return sum;
  }

  /** Whether it is the same for every process. */
  boolean constant() {
    return factors.isEmpty();
  }

  @Override
  public String toString() {
    List<String> terms = new ArrayList<>();
    factors.forEach((unit, factor) -> terms.add(factor == 1 ? unit : factor + "*" + unit));
    if (fixed != 0 || terms.isEmpty()) {
      terms.add(Integer.toString(fixed));
    }
    return String.join("+", terms);
  }
}
