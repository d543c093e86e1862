package dev.basepoint.launcher.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.SandboxLevel;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.TimeUnit;

/**
 * From the command to the guest's first byte on its serial port: {@code vmm-launch run} with a
 * disk, a network card and an entropy source, in turn with QEMU's microvm, the same devices and the
 * same guest file.
 */
final class ColdStart implements AutoCloseable {
  private static final String GUEST =
      "launcher/src/main/resources/dev/basepoint/launcher/guest/probe-guest.elf";
  private static final String NAME = "coldstart";
  private static final String FIRST_BYTE = NAME + ".firstSerialByte";

  /** The milestone of the guest's ready doorbell: all devices are up. */
  static final String READY = "guest.ready";

  private static final long RUN_SECONDS_MAX = 120;

  private final Installation installation;
  private final Path directory;

  /**
   * @param directory for the manifest and QEMU's disk; removed in the end
   */
  ColdStart(Installation installation, Path directory) throws IOException {
    this.installation = installation;
    this.directory = directory;
    Files.writeString(
        manifest(),
        """
        version: 1
        name: %s
        memory: 64MiB
        cmdline: ready=doorbell probe=poweroff
        console: none
        devices:
          - type: blk
            scratch: 1MiB
          - type: net
            backend: {type: echo}
          - type: rng
        """
            .formatted(NAME));
    Files.write(disk(), new byte[1 << 20]);
  }

  private Path manifest() {
    return directory.resolve("coldstart.yaml");
  }

  private Path disk() {
    return directory.resolve("disk.img");
  }

  /** Milliseconds from the command's start to each milestone of one run of ours. */
  SequencedMap<String, Double> ours(SandboxLevel sandbox) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                installation.root().resolve("vmm-launch").toString(),
                "run",
                manifest().toString(),
                "--json",
                "--sandbox",
                sandbox.key())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(RUN_SECONDS_MAX, TimeUnit.SECONDS) || process.exitValue() != 0) {
      process.destroyForcibly();
      throw new IOException("vmm-launch run failed: " + output.strip());
    }
    SequencedMap<String, Double> timings = timings(output);
    if (!timings.containsKey(FIRST_BYTE) || !timings.containsKey(READY)) {
      throw new IOException(
          "vmm-launch run reports no first byte or no ready doorbell: " + output.strip());
    }
    return timings;
  }

  static SequencedMap<String, Double> timings(String json) throws IOException {
    SequencedMap<String, Double> timings = new LinkedHashMap<>();
    try (JsonParser parser = new JsonFactory().createParser(json)) {
      while (parser.nextToken() != null) {
        if (parser.currentToken() == JsonToken.START_OBJECT
            && "timings".equals(parser.currentName())) {
          while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            parser.nextToken();
            timings.put(name, parser.getDoubleValue());
          }
        }
      }
    }
    return timings;
  }

  /** Milliseconds from the start of QEMU to its guest's first byte. */
  double qemu(String accelerator) throws IOException, InterruptedException {
    long startNanos = System.nanoTime();
    Process process =
        new ProcessBuilder(
                "qemu-system-x86_64",
                "-M",
                "microvm,acpi=off",
                "-accel",
                accelerator,
                "-m",
                "64",
                "-nodefaults",
                "-no-user-config",
                "-no-reboot",
                "-display",
                "none",
                "-serial",
                "stdio",
                "-global",
                "virtio-mmio.force-legacy=false",
                "-device",
                "virtio-rng-device",
                "-drive",
                "if=none,id=d0,format=raw,file=" + disk(),
                "-device",
                "virtio-blk-device,drive=d0",
                "-netdev",
                "user,id=n0",
                "-device",
                "virtio-net-device,netdev=n0",
                "-kernel",
                installation.root().resolve(GUEST).toString(),
                "-append",
                "probe=poweroff")
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try (InputStream console = process.getInputStream()) {
      int first = console.read();
      long firstNanos = System.nanoTime();
      console.readAllBytes();
      if (first < 0) {
        throw new IOException("QEMU's guest wrote nothing with -accel " + accelerator);
      }
      return (firstNanos - startNanos) / 1e6;
    } finally {
      process.destroyForcibly();
      process.waitFor(RUN_SECONDS_MAX, TimeUnit.SECONDS);
    }
  }

  /** Whether QEMU is installed. */
  static boolean qemuPresent() {
    return Optional.ofNullable(System.getenv("PATH")).stream()
        .flatMap(path -> java.util.Arrays.stream(path.split(":", -1)))
        .anyMatch(directory -> Files.isExecutable(Path.of(directory, "qemu-system-x86_64")));
  }

  /**
   * Turns each run's milestones into the durations of the steps before the first byte.
   *
   * @param runs as {@link #ours} returns them
   * @return a sample for each step, in the order of time
   */
  static SequencedMap<String, Sample> steps(List<SequencedMap<String, Double>> runs) {
    SequencedMap<String, List<Double>> millis = new LinkedHashMap<>();
    for (String milestone : runs.getFirst().keySet()) {
      if (runs.getFirst().get(milestone) > runs.getFirst().get(FIRST_BYTE)) {
        break;
      }
      millis.put(milestone, new ArrayList<>());
    }
    for (SequencedMap<String, Double> run : runs) {
      for (Map.Entry<String, List<Double>> entry : millis.entrySet()) {
        if (run.containsKey(entry.getKey())) {
          entry.getValue().add(run.get(entry.getKey()));
        }
      }
    }
    SequencedMap<String, Sample> samples = new LinkedHashMap<>();
    millis.forEach((milestone, values) -> samples.put(milestone, Sample.of(values)));
    return samples;
  }

  @Override
  public void close() throws IOException {
    Files.deleteIfExists(manifest());
    Files.deleteIfExists(disk());
    Files.deleteIfExists(directory);
  }

  /** The time to the first byte of each run. */
  static Sample firstBytes(List<SequencedMap<String, Double>> runs) {
    return Sample.of(runs.stream().map(run -> run.get(FIRST_BYTE)).toList());
  }
}
