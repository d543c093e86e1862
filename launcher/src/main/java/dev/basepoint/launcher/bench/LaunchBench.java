package dev.basepoint.launcher.bench;

import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.group.Installation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * How long a VM takes to come about in each of three ways, run by run in turn with QEMU's, so that
 * the host's mood meets all alike:
 *
 * <pre>
 *   start    command to guest ready        everything: launcher, five processes, guest boot
 *   restore  request to first instruction  guest boot bypassed, processes started on request
 *   fork     request to first instruction  processes waiting in the pool, too
 * </pre>
 */
public final class LaunchBench {
  private static final List<String> ACCELERATORS = List.of("kvm", "tcg");

  /** The markers that a clone of the probe guest rings, by what they stand for. */
  private static final Map<String, String> FIRST_REQUESTS =
      Map.of("rng", "guest.marker-17", "blk", "guest.marker-18", "net", "guest.marker-19");

  private LaunchBench() {}

  /**
   * The figures.
   *
   * @param steps of a fork, each since the request
   * @param firstRequests when the first request on each of a fork's devices was completed
   * @param qemu by way and accelerator
   * @param qemuProblems why a figure of QEMU's is missing
   */
  public record Result(
      Host host,
      Sample start,
      Sample restore,
      Sample fork,
      SequencedMap<String, Sample> steps,
      SequencedMap<String, Sample> firstRequests,
      SequencedMap<String, SequencedMap<String, Sample>> qemu,
      List<String> qemuProblems) {
    /** The bars of the comparison, slowest way first. */
    public SequencedMap<String, Sample> bars() {
      SequencedMap<String, Sample> bars = new LinkedHashMap<>();
      bars.put("start", start);
      bars.put("restore", restore);
      bars.put("fork", fork);
      qemu.forEach(
          (way, samples) ->
              samples.forEach(
                  (accelerator, sample) -> bars.put("QEMU " + way + ", " + accelerator, sample)));
      return bars;
    }

    /** The median of ours divided by QEMU's. */
    static double ratio(Sample ours, Sample theirs) {
      return Math.round(ours.percentile(50) / theirs.percentile(50) * 1000) / 1000.0;
    }

    /** The result as the JSON object that {@code --json} prints. */
    public SequencedMap<String, Object> toJson() {
      SequencedMap<String, Object> json = new LinkedHashMap<>();
      json.put("host", host.toJson());
      json.put("start", start.toJson());
      json.put("restore", restore.toJson());
      json.put("fork", fork.toJson());
      json.put("fork_steps", toJson(steps));
      json.put("first_requests", toJson(firstRequests));
      SequencedMap<String, Object> peers = new LinkedHashMap<>();
      qemu.forEach(
          (way, samples) -> {
            SequencedMap<String, Object> byAccelerator = new LinkedHashMap<>();
            samples.forEach(
                (accelerator, sample) -> {
                  SequencedMap<String, Object> figures = sample.toJson();
                  figures.put("ratio_of_start", ratio(start, sample));
                  figures.put("ratio_of_restore", ratio(restore, sample));
                  figures.put("ratio_of_fork", ratio(fork, sample));
                  byAccelerator.put(accelerator, figures);
                });
            peers.put(way, byAccelerator);
          });
      peers.put("problems", qemuProblems);
      json.put("qemu", peers);
      return json;
    }

    private static SequencedMap<String, Object> toJson(SequencedMap<String, Sample> samples) {
      SequencedMap<String, Object> json = new LinkedHashMap<>();
      samples.forEach((name, sample) -> json.put(name, sample.toJson()));
      return json;
    }
  }

  /**
   * Measures.
   *
   * @param count runs of each kind, after one that is not counted
   * @param progress told what is being done
   */
  public static Result run(Installation installation, int count, Consumer<String> progress)
      throws IOException, InterruptedException, CommandException {
    Path directory = Files.createTempDirectory("vmm-bench-");
    try {
      return new Measurement(installation, directory, count, progress).run();
    } finally {
      removeAll(directory);
    }
  }

  private static void removeAll(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  /** One benchmark under way. */
  private static final class Measurement {
    private final Installation installation;
    private final Path directory;
    private final int count;
    private final Consumer<String> progress;
    private final List<Double> starts = new ArrayList<>();
    private final List<Double> restores = new ArrayList<>();
    private final List<SequencedMap<String, Double>> forks = new ArrayList<>();
    private final SequencedMap<String, SequencedMap<String, List<Double>>> qemu =
        new LinkedHashMap<>();
    private final List<String> problems = new ArrayList<>();

    Measurement(Installation installation, Path directory, int count, Consumer<String> progress) {
      this.installation = installation;
      this.directory = directory;
      this.count = count;
      this.progress = progress;
    }

    Result run() throws IOException, InterruptedException, CommandException {
      progress.accept("making templates");
      try (BenchDaemon daemon = BenchDaemon.start(installation, directory)) {
        QemuLaunch peer = ColdStart.qemuPresent() ? new QemuLaunch(installation, directory) : null;
        List<String> restorable = peer == null ? List.of() : prepare(peer);
        for (int run = 0; run <= count; run++) {
          progress.accept("run " + run + " of " + count);
          measureOurs(daemon, run > 0);
          if (peer != null) {
            measure(peer, restorable, run > 0);
          }
        }
      }
      if (!ColdStart.qemuPresent()) {
        problems.add("qemu-system-x86_64 is not installed");
      }
      return result();
    }

    private void measureOurs(BenchDaemon daemon, boolean counted)
        throws IOException, InterruptedException, CommandException {
      double start = daemon.startToReadyMillis();
      double restore = daemon.fork(BenchDaemon.EMPTY_POOL).get(BenchDaemon.ENTERED);
      SequencedMap<String, Double> fork = daemon.fork(BenchDaemon.WARM_POOL);
      if (counted) {
        starts.add(start);
        restores.add(restore);
        forks.add(fork);
      }
    }

    /** Makes QEMU's saved machines, and tells where that worked. */
    private List<String> prepare(QemuLaunch peer) throws InterruptedException {
      List<String> restorable = new ArrayList<>();
      for (String accelerator : ACCELERATORS) {
        try {
          peer.save(accelerator);
          peer.restoreMillis(accelerator);
          restorable.add(accelerator);
        } catch (IOException e) {
          problems.add("restore with " + accelerator + ": " + e.getMessage());
        }
      }
      return restorable;
    }

    private void measure(QemuLaunch peer, List<String> restorable, boolean counted)
        throws IOException, InterruptedException {
      for (String accelerator : ACCELERATORS) {
        note("start", accelerator, peer.startToReadyMillis(accelerator), counted);
      }
      for (String accelerator : restorable) {
        note("restore", accelerator, peer.restoreMillis(accelerator), counted);
      }
    }

    private void note(String way, String accelerator, double millis, boolean counted) {
      if (counted) {
        qemu.computeIfAbsent(way, _ -> new LinkedHashMap<>())
            .computeIfAbsent(accelerator, _ -> new ArrayList<>())
            .add(millis);
      }
    }

    private Result result() throws IOException {
      SequencedMap<String, Sample> steps = new LinkedHashMap<>();
      for (String step : BenchDaemon.STEPS) {
        steps.put(step, sample(step));
      }
      SequencedMap<String, Sample> firstRequests = new LinkedHashMap<>();
      for (String device : List.of("rng", "blk", "net")) {
        firstRequests.put(device, sample(FIRST_REQUESTS.get(device)));
      }
      SequencedMap<String, SequencedMap<String, Sample>> peers = new LinkedHashMap<>();
      qemu.forEach(
          (way, byAccelerator) -> {
            SequencedMap<String, Sample> samples = new LinkedHashMap<>();
            byAccelerator.forEach((name, millis) -> samples.put(name, Sample.of(millis)));
            peers.put(way, samples);
          });
      return new Result(
          Host.read(),
          Sample.of(starts),
          Sample.of(restores),
          sample(BenchDaemon.ENTERED),
          steps,
          firstRequests,
          peers,
          problems);
    }

    private Sample sample(String milestone) throws IOException {
      List<Double> millis = new ArrayList<>();
      for (SequencedMap<String, Double> fork : forks) {
        if (!fork.containsKey(milestone)) {
          throw new IOException("a fork has no milestone " + milestone + ", only " + fork);
        }
        millis.add(fork.get(milestone));
      }
      return Sample.of(millis);
    }
  }
}
