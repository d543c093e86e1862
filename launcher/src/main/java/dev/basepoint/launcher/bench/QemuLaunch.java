package dev.basepoint.launcher.bench;

import dev.basepoint.launcher.group.Installation;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** QEMU's microvm with the same guest file and devices: started, saved, and restored. */
final class QemuLaunch {
  private static final String GUEST =
      "launcher/src/main/resources/dev/basepoint/launcher/guest/probe-guest.elf";
  private static final String READY = "\"event\":\"ready\"";
  private static final long SECONDS_MAX = 60;

  private final Installation installation;
  private final Path directory;

  /**
   * @param directory for the disk and the saved machines; the caller removes it
   */
  QemuLaunch(Installation installation, Path directory) throws IOException {
    this.installation = installation;
    this.directory = directory;
    Files.write(disk(), new byte[1 << 20]);
  }

  private Path disk() {
    return directory.resolve("qemu-disk.img");
  }

  private Path saved(String accelerator) {
    return directory.resolve("qemu-" + accelerator + ".saved");
  }

  private Process start(String accelerator, String commandLine, List<String> more)
      throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
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
                "-global",
                "virtio-mmio.force-legacy=false",
                "-device",
                "virtio-rng-device",
                "-drive",
                "if=none,id=d0,format=raw,file.locking=off,file=" + disk(),
                "-device",
                "virtio-blk-device,drive=d0",
                "-netdev",
                "user,id=n0",
                "-device",
                "virtio-net-device,netdev=n0",
                "-kernel",
                installation.root().resolve(GUEST).toString(),
                "-append",
                commandLine));
    command.addAll(more);
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
  }

  /** Milliseconds from the start of QEMU to its guest's report that it is ready. */
  double startToReadyMillis(String accelerator) throws IOException, InterruptedException {
    long startNanos = System.nanoTime();
    Process process = start(accelerator, "probe=mem,ready", List.of("-serial", "stdio"));
    return watched(process, () -> awaitLine(process, READY, accelerator) - startNanos);
  }

  /** Saves a machine whose guest is ready. */
  void save(String accelerator) throws IOException, InterruptedException {
    Path console = directory.resolve("qemu-console");
    Files.deleteIfExists(console);
    Process process =
        start(
            accelerator,
            "probe=mem,ready,serve",
            List.of("-serial", "file:" + console, "-qmp", "stdio"));
    watched(
        process,
        () -> {
          tell(process, "{\"execute\":\"qmp_capabilities\"}");
          awaitReady(console);
          tell(process, "{\"execute\":\"stop\"}");
          tell(
              process,
              "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"exec:cat>"
                  + saved(accelerator)
                  + "\"}}");
          awaitMigrated(process, accelerator);
          return 0;
        });
  }

  private static void awaitReady(Path console) throws IOException, InterruptedException {
    long deadlineNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS_MAX);
    while (!Files.exists(console) || !Files.readString(console).contains(READY)) {
      if (System.nanoTime() > deadlineNanos) {
        throw new IOException("QEMU's guest does not become ready");
      }
      TimeUnit.MILLISECONDS.sleep(5);
    }
  }

  private static void awaitMigrated(Process process, String accelerator)
      throws IOException, InterruptedException {
    BufferedReader replies = process.inputReader(StandardCharsets.UTF_8);
    tell(process, "{\"execute\":\"query-migrate\"}");
    for (String line = replies.readLine(); line != null; line = replies.readLine()) {
      if (line.contains("\"status\": \"completed\"")) {
        return;
      }
      if (line.contains("\"status\": \"failed\"")) {
        break;
      }
      if (line.contains("\"status\": ")) {
        TimeUnit.MILLISECONDS.sleep(10);
        tell(process, "{\"execute\":\"query-migrate\"}");
      }
    }
    throw new IOException("QEMU cannot save its guest with -accel " + accelerator);
  }

  /** Milliseconds from the start of QEMU to the moment when a saved guest goes on. */
  double restoreMillis(String accelerator) throws IOException, InterruptedException {
    long startNanos = System.nanoTime();
    Process process =
        start(
            accelerator,
            "probe=mem,ready,serve",
            List.of(
                "-serial",
                "null",
                "-qmp",
                "stdio",
                "-S",
                "-incoming",
                "exec:cat " + saved(accelerator)));
    return watched(
        process,
        () -> {
          tell(process, "{\"execute\":\"qmp_capabilities\"}");
          // Carried out as soon as the state has been read.
          tell(process, "{\"execute\":\"cont\"}");
          return awaitLine(process, "\"event\": \"RESUME\"", accelerator) - startNanos;
        });
  }

  private static void tell(Process process, String command) throws IOException {
    Writer commands = process.outputWriter(StandardCharsets.UTF_8);
    commands.write(command + "\n");
    commands.flush();
  }

  private static long awaitLine(Process process, String text, String accelerator)
      throws IOException {
    BufferedReader lines = process.inputReader(StandardCharsets.UTF_8);
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.contains(text)) {
        return System.nanoTime();
      }
    }
    throw new IOException("QEMU with -accel " + accelerator + " ended before it said " + text);
  }

  /** What is waited for in a process, in nanoseconds. */
  @FunctionalInterface
  private interface Wait {
    long nanos() throws IOException, InterruptedException;
  }

  /** Waits in a process that is ended afterwards, and in any case after a while. */
  private static double watched(Process process, Wait wait)
      throws IOException, InterruptedException {
    CompletableFuture<Process> deadline =
        new CompletableFuture<Process>().completeOnTimeout(process, SECONDS_MAX, TimeUnit.SECONDS);
    var _ = deadline.thenAccept(Process::destroyForcibly);
    try {
      return wait.nanos() / 1e6;
    } finally {
      deadline.cancel(false);
      process.destroyForcibly();
      process.waitFor(SECONDS_MAX, TimeUnit.SECONDS);
    }
  }
}
