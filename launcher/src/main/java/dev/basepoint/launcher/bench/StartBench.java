package dev.basepoint.launcher.bench;

import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.SandboxLevel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.function.Consumer;

/** Compares cold starts, run by run in turn, so that the host's mood meets both alike. */
public final class StartBench {
  private static final List<String> ACCELERATORS = List.of("kvm", "tcg");

  private StartBench() {}

  /**
   * The figures.
   *
   * @param start ours, to the guest's first byte
   * @param milestones ours, to each milestone before it
   * @param qemu by accelerator; empty without QEMU
   */
  public record Result(
      Host host,
      SequencedMap<String, Object> start,
      SequencedMap<String, SequencedMap<String, Object>> milestones,
      Map<String, SequencedMap<String, Object>> qemu) {
    /** Ours divided by QEMU's, of the medians. */
    public double ratio(String accelerator) {
      return Sample.rounded(
          (double) start.get("p50_ms") / (double) qemu.get(accelerator).get("p50_ms"));
    }

    /** The result as the JSON object that {@code --json} prints. */
    public SequencedMap<String, Object> toJson() {
      SequencedMap<String, Object> json = new LinkedHashMap<>();
      json.put("host", host.toJson());
      json.put("start", start);
      json.put("milestones", milestones);
      SequencedMap<String, Object> peers = new LinkedHashMap<>();
      qemu.forEach(
          (accelerator, figures) -> {
            SequencedMap<String, Object> peer = new LinkedHashMap<>(figures);
            peer.put("ratio_of_medians", ratio(accelerator));
            peers.put(accelerator, peer);
          });
      json.put("qemu", peers);
      return json;
    }
  }

  /**
   * Measures.
   *
   * @param count runs of each, after one that is not counted
   * @param progress told what is being done
   */
  public static Result run(Installation installation, int count, Consumer<String> progress)
      throws IOException, InterruptedException {
    Path directory = Files.createTempDirectory("vmm-bench-");
    try (ColdStart starts = new ColdStart(installation, directory)) {
      List<SequencedMap<String, Double>> ours = new ArrayList<>();
      Map<String, List<Double>> qemu = new TreeMap<>();
      for (int run = 0; run <= count; run++) {
        progress.accept("cold start " + run + " of " + count);
        boolean counted = run > 0;
        SequencedMap<String, Double> timings = starts.ours(SandboxLevel.STRICT);
        if (counted) {
          ours.add(timings);
        }
        for (String accelerator : ColdStart.qemuPresent() ? ACCELERATORS : List.<String>of()) {
          double millis = starts.qemu(accelerator);
          if (counted) {
            qemu.computeIfAbsent(accelerator, _ -> new ArrayList<>()).add(millis);
          }
        }
      }
      SequencedMap<String, SequencedMap<String, Object>> milestones = new LinkedHashMap<>();
      ColdStart.steps(ours).forEach((name, sample) -> milestones.put(name, sample.toJson()));
      Map<String, SequencedMap<String, Object>> peers = new TreeMap<>();
      qemu.forEach((accelerator, values) -> peers.put(accelerator, Sample.of(values).toJson()));
      return new Result(Host.read(), ColdStart.firstBytes(ours).toJson(), milestones, peers);
    }
  }
}
