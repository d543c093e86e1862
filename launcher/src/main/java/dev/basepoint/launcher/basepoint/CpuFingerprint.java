package dev.basepoint.launcher.basepoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/**
 * What of a CPU a guest may have come to rely on while it booted.
 *
 * @param vendor CPUID's vendor text
 * @param family as Linux counts it
 * @param model as Linux counts it
 * @param modelName for people; not compared
 * @param features Linux's names of the CPU's features, sorted
 */
public record CpuFingerprint(
    String vendor, int family, int model, String modelName, TreeSet<String> features) {
  private static final int SHOWN_MAX = 8;

  /** Reads the fingerprint of this host's first CPU. */
  public static CpuFingerprint read() throws IOException {
    return parse(Files.readString(Path.of("/proc/cpuinfo")));
  }

  static CpuFingerprint parse(String cpuinfo) throws IOException {
    Map<String, String> values = new HashMap<>();
    cpuinfo
        .lines()
        .takeWhile(line -> !line.isBlank())
        .forEach(
            line -> {
              int colon = line.indexOf(':');
              if (colon > 0) {
                values.put(line.substring(0, colon).strip(), line.substring(colon + 1).strip());
              }
            });
    try {
      return new CpuFingerprint(
          required(values, "vendor_id"),
          Integer.parseInt(required(values, "cpu family")),
          Integer.parseInt(required(values, "model")),
          required(values, "model name"),
          new TreeSet<>(Arrays.asList(required(values, "flags").split(" ", -1))));
    } catch (NumberFormatException e) {
      throw new IOException("/proc/cpuinfo has a CPU family or model that is no number", e);
    }
  }

  private static String required(Map<String, String> values, String key) throws IOException {
    String value = values.get(key);
    if (value == null) {
      throw new IOException("/proc/cpuinfo has no line " + key);
    }
    return value;
  }

  /**
   * Why a guest that booted on this CPU must not run on {@code host}'s, or empty if it may: a host
   * may have more features, never fewer.
   */
  public Optional<String> obstacle(CpuFingerprint host) {
    if (!vendor.equals(host.vendor) || family != host.family || model != host.model) {
      return Optional.of("it was made on " + identity() + ", this host has " + host.identity());
    }
    TreeSet<String> missing = new TreeSet<>(features);
    missing.removeAll(host.features);
    if (missing.isEmpty()) {
      return Optional.empty();
    }
    String more =
        missing.size() > SHOWN_MAX ? " and " + (missing.size() - SHOWN_MAX) + " more" : "";
    return Optional.of(
        "this host's CPU lacks "
            + String.join(", ", missing.stream().limit(SHOWN_MAX).toList())
            + more);
  }

  private String identity() {
    return modelName + " (" + vendor + ", family " + family + ", model " + model + ")";
  }
}
