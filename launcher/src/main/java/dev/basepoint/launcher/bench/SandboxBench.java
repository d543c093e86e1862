package dev.basepoint.launcher.bench;

import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.SandboxLevel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Consumer;

/**
 * What the sandbox costs: the start of a VM at each level, and a disk request with and without the
 * system call filter. Levels take turns, so that the host's mood meets all alike.
 */
public final class SandboxBench {
  private static final int REQUESTS_PER_TURN = 2000;

  /** Until the server's JIT has settled. */
  private static final int WARM_UP_REQUESTS = 20_000;

  private SandboxBench() {}

  /**
   * The figures.
   *
   * @param starts from the command to the guest's ready doorbell, by level
   * @param requests of 4 KiB one after the other, by level; strict and off only, since permissive
   *     has the same filter
   */
  public record Result(
      Host host,
      Map<SandboxLevel, SequencedMap<String, Object>> starts,
      Map<SandboxLevel, SequencedMap<String, Object>> requests) {
    /** Medians of starts at {@code level}, divided by those without a sandbox. */
    public double startRatio(SandboxLevel level) {
      return ratio(starts, level, "p50_ms");
    }

    /** The median request with the filter divided by the one without. */
    public double requestRatio() {
      return ratio(requests, SandboxLevel.STRICT, "p50_us");
    }

    private static double ratio(
        Map<SandboxLevel, SequencedMap<String, Object>> figures, SandboxLevel level, String key) {
      return Sample.rounded(
          (double) figures.get(level).get(key) / (double) figures.get(SandboxLevel.OFF).get(key));
    }

    /** The result as the JSON object that {@code --json} prints. */
    public SequencedMap<String, Object> toJson() {
      SequencedMap<String, Object> json = new LinkedHashMap<>();
      json.put("host", host.toJson());
      SequencedMap<String, Object> start = new LinkedHashMap<>();
      starts.forEach(
          (level, figures) -> {
            SequencedMap<String, Object> entry = new LinkedHashMap<>(figures);
            entry.put("ratio_of_medians_to_off", startRatio(level));
            start.put(level.key(), entry);
          });
      json.put("start_to_ready", start);
      SequencedMap<String, Object> request = new LinkedHashMap<>();
      requests.forEach((level, figures) -> request.put(level.key(), figures));
      request.put("ratio_of_medians", requestRatio());
      json.put("blk_read_4k_depth_1", request);
      return json;
    }
  }

  /**
   * Measures.
   *
   * @param count starts at each level, after one that is not counted, and turns of requests
   * @param progress told what is being done
   */
  public static Result run(Installation installation, int count, Consumer<String> progress)
      throws IOException, InterruptedException {
    return new Result(
        Host.read(),
        starts(installation, count, progress),
        requests(installation, count, progress));
  }

  private static Map<SandboxLevel, SequencedMap<String, Object>> starts(
      Installation installation, int count, Consumer<String> progress)
      throws IOException, InterruptedException {
    Path directory = Files.createTempDirectory("vmm-bench-");
    try (ColdStart start = new ColdStart(installation, directory)) {
      Map<SandboxLevel, List<Double>> millis = new EnumMap<>(SandboxLevel.class);
      for (int run = 0; run <= count; run++) {
        progress.accept("cold start " + run + " of " + count + " at each level");
        for (SandboxLevel level : SandboxLevel.values()) {
          double ready = start.ours(level).get(ColdStart.READY);
          if (run > 0) {
            millis.computeIfAbsent(level, _ -> new ArrayList<>()).add(ready);
          }
        }
      }
      Map<SandboxLevel, SequencedMap<String, Object>> figures = new EnumMap<>(SandboxLevel.class);
      millis.forEach((level, values) -> figures.put(level, Sample.of(values).toJson()));
      return figures;
    }
  }

  private static Map<SandboxLevel, SequencedMap<String, Object>> requests(
      Installation installation, int turns, Consumer<String> progress) throws IOException {
    List<Double> filtered = new ArrayList<>();
    List<Double> plain = new ArrayList<>();
    progress.accept("disk requests");
    try (BlkRequests strict = new BlkRequests(installation, SandboxLevel.STRICT);
        BlkRequests off = new BlkRequests(installation, SandboxLevel.OFF)) {
      strict.read(WARM_UP_REQUESTS);
      off.read(WARM_UP_REQUESTS);
      for (int turn = 1; turn <= turns; turn++) {
        progress.accept("disk requests, turn " + turn + " of " + turns);
        Arrays.stream(strict.read(REQUESTS_PER_TURN)).forEach(filtered::add);
        Arrays.stream(off.read(REQUESTS_PER_TURN)).forEach(plain::add);
      }
    }
    Map<SandboxLevel, SequencedMap<String, Object>> figures = new EnumMap<>(SandboxLevel.class);
    figures.put(SandboxLevel.STRICT, Sample.of(filtered).toMicrosJson());
    figures.put(SandboxLevel.OFF, Sample.of(plain).toMicrosJson());
    return figures;
  }
}
