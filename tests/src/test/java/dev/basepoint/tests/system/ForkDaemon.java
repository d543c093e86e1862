package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.basepoint.launcher.api.ApiClient;
import dev.basepoint.launcher.api.ApiReply;
import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.api.DaemonPaths;
import dev.basepoint.launcher.cli.CommandException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * A daemon with a state directory of its own. Commands of which a test makes many go over a
 * connection of the test's, with no process for each.
 */
final class ForkDaemon implements AutoCloseable {
  static final Duration PATIENCE = Duration.ofSeconds(Launcher.PATIENCE_SECONDS);

  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final int CONSOLE_WAIT_MILLIS = 10_000;

  private final Path directory;
  private Launcher process;

  private ForkDaemon(Path directory) {
    this.directory = directory;
  }

  /**
   * Starts a daemon.
   *
   * @param directory an empty one, for its state and the tests' manifests
   */
  static ForkDaemon start(Path directory, String... options) throws Exception {
    ForkDaemon daemon = new ForkDaemon(directory);
    daemon.serve(options);
    return daemon;
  }

  /** Starts the daemon again, which was killed. */
  void serve(String... options) throws Exception {
    List<String> command = new ArrayList<>(List.of("serve", "--state", state().toString()));
    command.addAll(List.of(options));
    process = Launcher.start(StartupCaches.properties(), command.toArray(String[]::new));
    process.awaitLine(line -> line.contains("serving"));
  }

  Path state() {
    return directory.resolve("state");
  }

  /** What the daemon prints. */
  Launcher process() {
    return process;
  }

  /** The directory of a template. */
  Path template(String name) {
    return state().resolve("templates").resolve(name);
  }

  /** Makes a template of a manifest, which gets its version and name here. */
  void create(String name, String manifest) throws Exception {
    command(0, "basepoint", "create", manifest(name, manifest).toString());
  }

  /** Writes a manifest. */
  Path manifest(String name, String body) throws Exception {
    Path file = directory.resolve(name + ".yaml");
    Files.writeString(file, "version: 1\nname: " + name + "\n" + body);
    return file;
  }

  /** Runs a command that talks to this daemon, to its end. */
  Launcher command(int exitCode, String... arguments) throws Exception {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("--state", state().toString()));
    try (Launcher command =
        Launcher.start(StartupCaches.properties(), all.toArray(String[]::new))) {
      assertEquals(exitCode, command.awaitExit(), command::output);
      return command;
    }
  }

  /** A connection, for one thread. */
  ApiClient connect() throws CommandException {
    return ApiClient.connect(DaemonPaths.locate(Optional.of(state().toString()), Map.of()), "");
  }

  /** Asks for facts. */
  JsonNode ask(ApiRequest request) throws Exception {
    try (ApiClient client = connect()) {
      return ask(client, request);
    }
  }

  /** Asks for facts. */
  static JsonNode ask(ApiClient client, ApiRequest request) throws CommandException, IOException {
    // By way of text, so that a number is the same whether it was a long or not.
    return MAPPER.readTree(MAPPER.writeValueAsBytes(client.facts(request, PATIENCE)));
  }

  /** Waits until a pool is full. */
  void fillPool(String template) throws Exception {
    JsonNode pool = ask(new ApiRequest.WarmPool(template, (int) PATIENCE.toMillis()));
    assertEquals(pool.get("size"), pool.get("waiting"), pool::toString);
  }

  /** A request for a clone that differs from its siblings in what it is told only. */
  static ApiRequest.ForkTemplate clone(String template, String metadata) {
    return new ApiRequest.ForkTemplate(template, "", metadata, Map.of(), Map.of());
  }

  /** Forks, and returns what the fork command prints. */
  JsonNode fork(String template, String metadata) throws Exception {
    return ask(clone(template, metadata));
  }

  /** Waits for a VM's end, and returns all facts. */
  JsonNode awaitEnd(String vm) throws Exception {
    JsonNode facts = ask(new ApiRequest.AwaitVm(vm, (int) PATIENCE.toMillis()));
    assertEquals("ended", facts.path("state").asText(), facts::toString);
    return facts;
  }

  /** As {@link #awaitEnd}; the guest must have ended by its own will, with nothing to complain. */
  JsonNode awaitGoodEnd(String vm) throws Exception {
    JsonNode facts = awaitEnd(vm);
    assertEquals("powered-off", facts.path("outcome").asText(), facts::toString);
    assertEquals(0, facts.path("guest").path("done").path("failures").asInt(-1), facts::toString);
    return facts;
  }

  /** Types at a guest. */
  void type(String vm, String... lines) throws Exception {
    String text = String.join("\n", lines) + "\n";
    JsonNode typed = ask(new ApiRequest.WriteConsole(vm, text.getBytes(StandardCharsets.UTF_8)));
    assertEquals(text.length(), typed.get("written").asInt());
  }

  /** Everything that a probe guest has reported, once it has ended. */
  List<JsonNode> events(String vm) throws Exception {
    return events(vm, _ -> false);
  }

  /** Waits until a probe guest reports an event, and returns everything that it has reported. */
  List<JsonNode> awaitEvent(String vm, String kind) throws Exception {
    List<JsonNode> events =
        events(vm, console -> console.matches("(?s).*\"event\":\"" + kind + "\"[^\n]*\n.*"));
    only(events, kind);
    return events;
  }

  /** Reads a guest's reports until there are enough of them, or it has ended. */
  private List<JsonNode> events(String vm, Predicate<String> enough) throws Exception {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    StringBuilder console = new StringBuilder();
    try (ApiClient client = connect()) {
      long position = 0;
      boolean ended = false;
      while (!enough.test(console.toString()) && !ended && System.nanoTime() < deadline) {
        ApiReply.Console chunk =
            client.console(new ApiRequest.ReadConsole(vm, position, CONSOLE_WAIT_MILLIS));
        console.append(new String(chunk.output(), StandardCharsets.UTF_8));
        position = chunk.position() + chunk.output().length;
        ended = chunk.ended() && chunk.output().length == 0;
      }
    }
    List<JsonNode> events = new ArrayList<>();
    for (String line : console.substring(0, console.lastIndexOf("\n") + 1).lines().toList()) {
      if (line.startsWith("@probe ")) {
        events.add(MAPPER.readTree(line.substring("@probe ".length())));
      }
    }
    return events;
  }

  /** The control groups that are left of a daemon. */
  static List<Path> controlGroups(long daemonPid) throws IOException {
    try (Stream<Path> all = Files.find(Path.of("/sys/fs/cgroup"), 6, (_, _) -> true)) {
      return all.filter(
              path -> path.getFileName().toString().startsWith("basepoint-" + daemonPid + "-"))
          .toList();
    } catch (UncheckedIOException e) {
      // A group vanished while it was looked at.
      return controlGroups(daemonPid);
    }
  }

  /** The events of a kind. */
  static List<JsonNode> all(List<JsonNode> events, String kind) {
    return events.stream().filter(event -> event.get("event").asText().equals(kind)).toList();
  }

  /** The one event of its kind. */
  static JsonNode only(List<JsonNode> events, String kind) {
    List<JsonNode> found = all(events, kind);
    assertEquals(1, found.size(), () -> "events " + kind + " in " + events);
    return found.getFirst();
  }

  @Override
  public void close() {
    process.close();
  }
}
