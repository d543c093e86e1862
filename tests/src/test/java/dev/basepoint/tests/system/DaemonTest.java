package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** VMs in the daemon, by the commands that a user has. */
class DaemonTest {
  private static final byte ESCAPE = 0x1d;

  @TempDir private Path directory;

  private Launcher daemon;
  private String manifest;

  @BeforeEach
  void serve() throws Exception {
    Requirements.vm();
    Path file = directory.resolve("shell.yaml");
    Files.writeString(
        file,
        """
        version: 1
        name: first
        memory: 64MiB
        cmdline: probe=rng,shell
        devices:
          - type: blk
            scratch: 1MiB
          - type: rng
        """);
    manifest = file.toString();
    daemon = startDaemon();
  }

  private Launcher startDaemon(String... options) throws Exception {
    List<String> command = new ArrayList<>(List.of("serve", "--state", state()));
    command.addAll(List.of(options));
    Launcher started = Launcher.start(command.toArray(String[]::new));
    started.awaitLine(line -> line.contains("serving"));
    return started;
  }

  @AfterEach
  void end() {
    if (daemon != null) {
      daemon.close();
    }
  }

  private String state() {
    return directory.resolve("state").toString();
  }

  private Launcher vmm(int exitCode, String... arguments) throws Exception {
    Launcher command = Launcher.run(withState(arguments));
    assertEquals(exitCode, command.awaitExit(), command::output);
    return command;
  }

  private String[] withState(String... arguments) {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("--state", state()));
    return all.toArray(String[]::new);
  }

  private JsonNode inspect(String vm) throws Exception {
    return vmm(0, "inspect", vm, "--json").json();
  }

  private static Set<Long> pids(JsonNode inspected) {
    Set<Long> pids = new HashSet<>();
    for (JsonNode process : inspected.get("processes")) {
      if (!process.get("role").asText().equals("launcher")) {
        pids.add(process.get("pid").asLong());
      }
    }
    assertEquals(3, pids.size(), inspected::toString);
    return pids;
  }

  private static void awaitGone(Set<Long> pids) throws Exception {
    for (long pid : pids) {
      ProcessHandle process = ProcessHandle.of(pid).orElse(null);
      if (process != null) {
        process.onExit().get(60, TimeUnit.SECONDS);
      }
    }
  }

  private static List<Path> controlGroups(long daemonPid) throws IOException {
    try (Stream<Path> all = Files.find(Path.of("/sys/fs/cgroup"), 6, (path, _) -> true)) {
      return all.filter(
              path -> path.getFileName().toString().startsWith("basepoint-" + daemonPid + "-"))
          .toList();
    } catch (java.io.UncheckedIOException e) {
      // A group vanished while it was looked at.
      return controlGroups(daemonPid);
    }
  }

  @Test
  void holdsTwoVmsAtOnce() throws Exception {
    Launcher second = Launcher.start(withState("start", manifest, "--name", "second", "--json"));
    JsonNode first = vmm(0, "start", manifest, "--json").json();
    assertEquals("running", first.get("state").asText());
    assertTrue(first.get("timings").has("launcher.started"), first::toString);
    assertEquals(0, second.awaitExit(), second::output);

    JsonNode list = vmm(0, "ps", "--json").json();
    assertEquals(daemon.pid(), list.get("daemon").get("pid").asLong());
    assertEquals(2, list.get("vms").size(), list::toString);
    JsonNode inspected = inspect("first");
    Set<Long> pids = pids(inspected);
    if (isRoot()) {
      Set<Integer> uids = new HashSet<>();
      for (JsonNode process : inspected.get("processes")) {
        uids.add(process.get("uid").asInt());
      }
      for (JsonNode process : inspect("second").get("processes")) {
        uids.add(process.get("uid").asInt());
      }
      assertEquals(7, uids.size(), "each process has a uid of its own: " + uids);
    }
    vmm(84, "start", manifest, "--name", "second");
    vmm(83, "stop", "third");

    assertEquals("paused", vmm(0, "pause", "first", "--json").json().get("state").asText());
    vmm(85, "pause", "first");
    assertEquals("running", vmm(0, "resume", "first", "--json").json().get("state").asText());
    vmm(85, "resume", "first");

    JsonNode stopped = vmm(0, "stop", "first", "--json").json();
    assertEquals("stopped", stopped.get("outcome").asText());
    awaitGone(pids);
    vmm(85, "stop", "first");
    assertEquals(1, vmm(0, "ps", "--json").json().get("vms").size());
    assertEquals(2, vmm(0, "ps", "--all", "--json").json().get("vms").size());
    assertTrue(vmm(0, "logs", "first").output().contains("\"event\":\"shell\""));
    assertFalse(vmm(0, "logs", "first", "--tail", "1").output().contains("\"event\":\"hello\""));
    assertEquals("ended", inspect("first").get("state").asText());
    assertEquals("running", inspect("second").get("state").asText());

    Set<Long> left = pids(inspect("second"));
    daemon.interrupt();
    assertEquals(0, daemon.awaitExit(), daemon::output);
    awaitGone(left);
    assertFalse(Files.exists(directory.resolve("state/api.sock")));
    assertEquals(List.of(), controlGroups(daemon.pid()));
    vmm(87, "ps");
  }

  private static boolean isRoot() {
    return System.getProperty("user.name").equals("root");
  }

  @Test
  void consoleAttachesAndDetaches() throws Exception {
    vmm(0, "start", manifest);
    try (Launcher follower = Launcher.start(withState("logs", "first", "--follow"));
        Launcher console = Launcher.start(withState("console", "first"))) {
      console.awaitLine(line -> line.contains("attached to VM first"));
      console.awaitEvent("shell");
      console.type("marker 7");
      console.awaitEvent("command");
      console.press(ESCAPE);
      assertEquals(0, console.awaitExit(), console::output);
      assertTrue(console.output().contains("detached from VM first"), console::output);
      follower.awaitEvent("command");
      assertEquals("running", inspect("first").get("state").asText());

      try (Launcher again = Launcher.start(withState("console", "first"))) {
        again.awaitLine(line -> line.contains("attached to VM first"));
        again.type("poweroff");
        assertEquals(0, again.awaitExit(), again::output);
        assertTrue(again.output().contains("VM first has ended"), again::output);
      }
      assertEquals(0, follower.awaitExit(), follower::output);
    }
    assertEquals("powered-off", inspect("first").get("outcome").asText());
  }

  @Test
  void terminalIsAsBeforeHoweverTheConsoleEnds() throws Exception {
    Requirements.program("script");
    vmm(0, "start", manifest);
    for (boolean killed : List.of(false, true)) {
      Path modes = Files.createDirectory(directory.resolve("modes-" + killed));
      Path command = modes.resolve("command");
      Files.writeString(
          command,
          String.format(
              "stty -g >%1$s/before\n%2$s\necho $? >%1$s/code\nstty -g >%1$s/after\n",
              modes, String.join(" ", Launcher.command(List.of(), withState("console", "first")))));
      Process terminal =
          new ProcessBuilder("script", "-q", "-e", "-c", "sh " + command, "/dev/null")
              .redirectErrorStream(true)
              .start();
      StringBuilder seen = new StringBuilder();
      for (int c = terminal.getInputStream().read();
          c >= 0 && seen.indexOf("detaches]") < 0;
          c = terminal.getInputStream().read()) {
        seen.append((char) c);
      }
      assertTrue(seen.indexOf("Ctrl-] detaches") >= 0, seen::toString);
      if (killed) {
        ProcessHandle console =
            terminal
                .descendants()
                .filter(process -> process.info().command().orElse("").endsWith("java"))
                .findFirst()
                .orElseThrow();
        assertTrue(console.destroy());
      } else {
        terminal.getOutputStream().write(ESCAPE);
        terminal.getOutputStream().flush();
      }
      terminal.getInputStream().readAllBytes();
      assertTrue(terminal.waitFor(Launcher.PATIENCE_SECONDS, TimeUnit.SECONDS));
      assertEquals(
          Files.readString(modes.resolve("before")), Files.readString(modes.resolve("after")));
      assertEquals(killed ? "143" : "0", Files.readString(modes.resolve("code")).strip());
    }
  }

  @Test
  void nothingOutlivesAKilledDaemonAndTheNextOneServes() throws Exception {
    vmm(0, "start", manifest);
    Set<Long> pids = pids(inspect("first"));
    Launcher dead = daemon;
    dead.kill();
    awaitGone(pids);
    vmm(87, "ps");
    daemon = startDaemon("--memory", "250MiB");
    assertNotEquals(dead.pid(), daemon.pid());
    assertEquals(0, vmm(0, "ps", "--all", "--json").json().get("vms").size());
    vmm(0, "start", manifest);
    assertEquals(List.of(), controlGroups(dead.pid()));
    // 64 MiB and three processes.
    vmm(86, "start", manifest, "--name", "second");
    vmm(0, "stop", "first", "--timeout", "10s");
    vmm(0, "start", manifest, "--name", "second");
    vmm(88, "serve");
  }
}
