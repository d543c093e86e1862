package dev.basepoint.sandbox.policy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The kernel's and the C library's symbolic constants that policy files may use, read from {@code
 * constants-x86_64.tbl}, where each stands under the header that defines it.
 */
public final class Constants {
  private static final String FILE = "constants-x86_64.tbl";

  /** One constant and the C header that defines it. */
  public record Constant(String name, long value, String header) {}

  private final Map<String, Constant> byName;

  private Constants(List<Constant> constants) {
    Map<String, Constant> names = new HashMap<>();
    for (Constant constant : constants) {
      if (names.put(constant.name(), constant) != null) {
        throw new IllegalStateException(FILE + ": " + constant.name() + " stands twice");
      }
    }
    byName = Map.copyOf(names);
  }

  /** The shipped constants. */
  public static Constants shipped() {
    return Shipped.CONSTANTS;
  }

  /** Finds the value of {@code name}. */
  public Optional<Long> value(String name) {
    return Optional.ofNullable(byName.get(name)).map(Constant::value);
  }

  /** All constants, in no particular order. */
  public List<Constant> all() {
    return List.copyOf(byName.values());
  }

  /** {@code "; did you mean X?"} or nothing. */
  String hint(String name) {
    return Nearest.hint(name, byName.keySet());
  }

  private static List<Constant> parse(List<String> lines) {
    List<Constant> constants = new ArrayList<>();
    String header = "";
    for (String line : lines) {
      String[] words = line.split("\\s+", -1);
      if (words[0].equals("header")) {
        header = words[1];
      } else {
        constants.add(new Constant(words[0], Long.decode(words[1]), header));
      }
    }
    return constants;
  }

  private static final class Shipped {
    static final Constants CONSTANTS = new Constants(parse(DataFile.lines(FILE)));
  }
}
