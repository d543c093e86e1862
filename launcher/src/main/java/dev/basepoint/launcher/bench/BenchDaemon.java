package dev.basepoint.launcher.bench;

import dev.basepoint.launcher.api.ApiClient;
import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.api.DaemonPaths;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.group.Installation;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.TimeUnit;

/**
 * A daemon of the benchmark's own, with two templates of one VM with three devices: one with a pool
 * and one without.
 */
final class BenchDaemon implements AutoCloseable {
  static final String WARM_POOL = "warm";
  static final String EMPTY_POOL = "cold";

  /** The vCPU is about to execute the clone's first instruction. */
  static final String ENTERED = "vcpuEntered";

  /** The steps of a fork that lie before the first instruction, in order. */
  static final List<String> STEPS = List.of("taken", "overridden", "runReceived", ENTERED);

  private static final int WARM_MILLIS = 120_000;
  private static final Duration REQUEST_TIMEOUT = Duration.ofMinutes(2);
  private static final long COMMAND_SECONDS_MAX = 180;

  private final Installation installation;
  private final Path directory;
  private final Process daemon;
  private final DaemonPaths paths;

  private BenchDaemon(
      Installation installation, Path directory, Process daemon, DaemonPaths paths) {
    this.installation = installation;
    this.directory = directory;
    this.daemon = daemon;
    this.paths = paths;
  }

  /** Makes the templates and starts the daemon, with its state below {@code directory}. */
  static BenchDaemon start(Installation installation, Path directory)
      throws IOException, InterruptedException, CommandException {
    Path state = directory.resolve("state");
    for (String name : List.of(WARM_POOL, EMPTY_POOL)) {
      Path manifest = directory.resolve(name + ".yaml");
      Files.writeString(manifest, manifest(name));
      run(
          installation,
          List.of(
              "basepoint",
              "create",
              manifest.toString(),
              "--name",
              name,
              "--state",
              state.toString()));
    }
    Process daemon =
        command(installation, List.of("serve", "--json", "--state", state.toString())).start();
    daemon.getOutputStream().close();
    boolean connected = false;
    try {
      // Its first line says that it serves; what follows must be read for it not to be held up.
      if (daemon.inputReader(StandardCharsets.UTF_8).readLine() == null) {
        throw new IOException("the daemon did not start");
      }
      Thread.ofPlatform().name("daemon-output").daemon().start(() -> drain(daemon));
      DaemonPaths paths = DaemonPaths.locate(Optional.of(state.toString()), Map.of());
      ApiClient.connect(paths, "").close();
      connected = true;
      return new BenchDaemon(installation, directory, daemon, paths);
    } finally {
      if (!connected) {
        end(daemon);
      }
    }
  }

  private static void drain(Process daemon) {
    try {
      daemon.inputReader(StandardCharsets.UTF_8).transferTo(Writer.nullWriter());
    } catch (IOException e) {
      // The daemon has ended.
      return;
    }
  }

  private static String manifest(String name) {
    return """
    version: 1
    name: %s
    memory: 64MiB
    cmdline: probe=mem,ready
    console: none
    devices:
      - type: blk
        scratch: 1MiB
      - type: net
        backend: {type: echo}
      - type: rng
    basepoint:
      pool: %d
    """
        .formatted(name, name.equals(WARM_POOL) ? 1 : 0);
  }

  private static ProcessBuilder command(Installation installation, List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(installation.root().resolve("vmm-launch").toString());
    command.addAll(arguments);
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
  }

  private static String run(Installation installation, List<String> arguments)
      throws IOException, InterruptedException {
    Process process = command(installation, arguments).redirectErrorStream(false).start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(COMMAND_SECONDS_MAX, TimeUnit.SECONDS) || process.exitValue() != 0) {
      process.destroyForcibly();
      throw new IOException("vmm-launch " + String.join(" ", arguments) + " failed: " + output);
    }
    return output;
  }

  /** Milliseconds from the command's start to the guest's ready doorbell, everything cold. */
  double startToReadyMillis() throws IOException, InterruptedException {
    String manifest = directory.resolve(EMPTY_POOL + ".yaml").toString();
    Map<String, Double> timings =
        ColdStart.timings(run(installation, List.of("run", manifest, "--json")));
    if (!timings.containsKey("guest.ready")) {
      throw new IOException("vmm-launch run reports no ready guest");
    }
    return timings.get("guest.ready");
  }

  /**
   * Forks a template, whose pool is full if it has one, and waits for the clone's end.
   *
   * @return milliseconds from the request to each milestone
   */
  SequencedMap<String, Double> fork(String template) throws CommandException, IOException {
    // The daemon drops whoever is silent for long, and other runs lie between two forks.
    try (ApiClient client = ApiClient.connect(paths, "")) {
      return fork(client, template);
    }
  }

  private static SequencedMap<String, Double> fork(ApiClient client, String template)
      throws CommandException, IOException {
    client.facts(new ApiRequest.WarmPool(template, WARM_MILLIS), Duration.ofMillis(WARM_MILLIS));
    SequencedMap<String, Object> begun =
        client.facts(
            new ApiRequest.ForkTemplate(template, "", "", Map.of(), Map.of()), REQUEST_TIMEOUT);
    String vm = String.valueOf(begun.get("name"));
    SequencedMap<String, Object> ended =
        client.facts(
            new ApiRequest.AwaitVm(vm, ApiRequest.AwaitVm.WAIT_MILLIS_MAX), REQUEST_TIMEOUT);
    if (!(ended.get("exit_code") instanceof Number code) || code.intValue() != 0) {
      throw new IOException("clone " + vm + " failed: " + ended.get("detail"));
    }
    SequencedMap<String, Double> millis = new LinkedHashMap<>();
    Map<?, ?> fork = (Map<?, ?>) begun.get("fork");
    for (String step : List.of("taken", "overridden")) {
      millis.put(step, ((Number) fork.get(step + "_ms")).doubleValue());
    }
    for (Map.Entry<?, ?> timing : ((Map<?, ?>) ended.get("timings")).entrySet()) {
      String name = String.valueOf(timing.getKey());
      // vmm-main's own milestones carry the name that the clone had in the pool.
      String milestone = name.startsWith("guest.") ? name : name.substring(name.indexOf('.') + 1);
      millis.putIfAbsent(milestone, ((Number) timing.getValue()).doubleValue());
    }
    return millis;
  }

  private static void end(Process daemon) throws InterruptedException {
    daemon.destroy();
    if (!daemon.waitFor(COMMAND_SECONDS_MAX, TimeUnit.SECONDS)) {
      daemon.destroyForcibly();
    }
  }

  @Override
  public void close() {
    try {
      end(daemon);
    } catch (InterruptedException e) {
      daemon.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
