package dev.basepoint.launcher.bench;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/** Durations of repeated runs, in milliseconds. */
public record Sample(double[] sortedMillis) {
  /** The durations {@code millis}, in any order. */
  public static Sample of(List<Double> millis) {
    double[] sorted = millis.stream().mapToDouble(Double::doubleValue).toArray();
    Arrays.sort(sorted);
    return new Sample(sorted);
  }

  /** How many there are. */
  public int count() {
    return sortedMillis.length;
  }

  /** The value that {@code percent} of all are at most: the nearest rank. */
  public double percentile(double percent) {
    int rank = (int) Math.ceil(percent / 100 * sortedMillis.length);
    return sortedMillis[Math.clamp(rank - 1, 0, sortedMillis.length - 1)];
  }

  SequencedMap<String, Object> toJson() {
    return toJson("ms", 1);
  }

  /** As {@link #toJson}, for what takes less than a millisecond. */
  SequencedMap<String, Object> toMicrosJson() {
    return toJson("us", 1000);
  }

  private SequencedMap<String, Object> toJson(String unit, double perMilli) {
    SequencedMap<String, Object> json = new LinkedHashMap<>();
    json.put("count", count());
    json.put("min_" + unit, rounded(perMilli * sortedMillis[0]));
    json.put("p50_" + unit, rounded(perMilli * percentile(50)));
    json.put("p99_" + unit, rounded(perMilli * percentile(99)));
    json.put("max_" + unit, rounded(perMilli * sortedMillis[sortedMillis.length - 1]));
    return json;
  }

  /** To hundredths of a millisecond, which is as far as these measurements reach. */
  public static double rounded(double millis) {
    return Math.round(millis * 100) / 100.0;
  }
}
