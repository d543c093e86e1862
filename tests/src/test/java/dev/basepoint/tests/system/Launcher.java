package dev.basepoint.tests.system;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** A {@code vmm-launch} command as a user runs it: a process, its lines and its exit code. */
final class Launcher implements AutoCloseable {
  /** Longer than any healthy run on a slow, busy machine. */
  static final long PATIENCE_SECONDS = 180;

  private static final String REPORT = "@probe ";
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final Process process;
  private final List<String> out = new ArrayList<>();
  private final List<String> err = new ArrayList<>();
  private final BlockingQueue<String> unseen = new LinkedBlockingQueue<>();
  private final Thread outReader;
  private final Thread errReader;

  private Launcher(Process process) {
    this.process = process;
    outReader = reader(process.inputReader(StandardCharsets.UTF_8), out);
    errReader =
        reader(
            new BufferedReader(
                new InputStreamReader(process.getErrorStream(), StandardCharsets.UTF_8)),
            err);
  }

  private Thread reader(BufferedReader reader, List<String> lines) {
    return Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              try {
                for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                  synchronized (this) {
                    lines.add(line);
                  }
                  unseen.add(line);
                }
              } catch (IOException e) {
                unseen.add("reader ended: " + e);
              }
            });
  }

  /** The project's directory. */
  static Path root() {
    return Path.of(System.getProperty("maven.multiModuleProjectDirectory", "..")).toAbsolutePath();
  }

  /** The launcher's jar, or null before the build's package phase. */
  static Path jar() throws IOException {
    return jar("launcher");
  }

  /** A module's self-contained jar, or null before the build's package phase. */
  static Path jar(String module) throws IOException {
    Path target = root().resolve(module).resolve("target");
    if (!Files.isDirectory(target)) {
      return null;
    }
    try (Stream<Path> files = Files.list(target)) {
      return files
          .filter(file -> file.getFileName().toString().matches(module + "-.*-all\\.jar"))
          .findFirst()
          .orElse(null);
    }
  }

  /** Starts a command. */
  static Launcher start(String... arguments) throws IOException {
    return start(List.of(), arguments);
  }

  /**
   * Starts a command.
   *
   * @param properties further flags of its JVM, {@code -Dname=value}
   */
  static Launcher start(List<String> properties, String... arguments) throws IOException {
    return new Launcher(new ProcessBuilder(command(properties, arguments)).start());
  }

  /** The command line that {@link #start(List, String...)} runs. */
  static List<String> command(List<String> properties, String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    // Whoever runs the tests in the background may have them ignore Ctrl-C, and children inherit
    // that.
    command.add("env");
    command.add("--default-signal=INT,HUP");
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Dvmm.root=" + root());
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("--sun-misc-unsafe-memory-access=allow");
    command.add("-XX:TieredStopAtLevel=1");
    command.addAll(properties);
    command.add("-jar");
    command.add(jar().toString());
    command.addAll(List.of(arguments));
    return command;
  }

  /** Starts a command line that ends in one of {@link #command}'s. */
  static Launcher startCommand(List<String> command) throws IOException {
    return new Launcher(new ProcessBuilder(command).start());
  }

  /** Runs a command to its end. */
  static Launcher run(String... arguments) throws Exception {
    Launcher launcher = start(arguments);
    launcher.awaitExit();
    return launcher;
  }

  long pid() {
    return process.pid();
  }

  /** Types for the guest. */
  void type(String line) throws IOException {
    press((line + "\n").getBytes(StandardCharsets.UTF_8));
  }

  /** Sends keys as they are. */
  void press(byte... keys) throws IOException {
    OutputStream input = process.getOutputStream();
    input.write(keys);
    input.flush();
  }

  /** Waits for the next line, on either stream, that fits. */
  String awaitLine(Predicate<String> fits) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (true) {
      String line = unseen.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
      if (line == null) {
        throw new AssertionError("the awaited line did not come; output so far:\n" + output());
      }
      if (fits.test(line)) {
        return line;
      }
    }
  }

  /** Waits for a probe guest's event. */
  JsonNode awaitEvent(String kind) throws Exception {
    String line =
        awaitLine(text -> text.startsWith(REPORT) && text.contains("\"event\":\"" + kind + "\""));
    return MAPPER.readTree(line.substring(REPORT.length()));
  }

  /** The probe guest's events of one kind so far, if its console is shown. */
  synchronized List<JsonNode> events(String kind) throws IOException {
    List<JsonNode> events = new ArrayList<>();
    for (String line : out) {
      if (line.startsWith(REPORT)) {
        JsonNode event = MAPPER.readTree(line.substring(REPORT.length()));
        if (event.path("event").asText().equals(kind)) {
          events.add(event);
        }
      }
    }
    return events;
  }

  int awaitExit() throws Exception {
    if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("the launcher did not end; output so far:\n" + output());
    }
    outReader.join(10_000);
    errReader.join(10_000);
    return process.exitValue();
  }

  /** The JSON object that a command with {@code --json} prints last. */
  JsonNode json() throws IOException {
    synchronized (this) {
      if (out.isEmpty()) {
        throw new AssertionError("no output on stdout:\n" + output());
      }
      return MAPPER.readTree(out.getLast());
    }
  }

  synchronized String output() {
    return String.join("\n", out) + "\n--- stderr\n" + String.join("\n", err);
  }

  /** Pids of the processes that the launcher started. */
  List<Long> children() {
    return process.children().map(ProcessHandle::pid).toList();
  }

  /** Command lines of all processes of the host that mention {@code path}. */
  static List<String> processesThatMention(Path path) {
    return ProcessHandle.allProcesses()
        .flatMap(process -> process.info().commandLine().stream())
        .filter(line -> line.contains(path.toString()))
        .toList();
  }

  void interrupt() throws Exception {
    signal("INT");
  }

  void kill() {
    process.destroyForcibly();
  }

  private void signal(String name) throws Exception {
    new ProcessBuilder("kill", "-" + name, Long.toString(pid())).start().waitFor();
  }

  @Override
  public void close() {
    process.destroyForcibly();
    process.onExit().orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
  }
}
