package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.basepoint.launcher.api.ApiClient;
import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whatever is killed, nothing acknowledged is lost, nothing is left, and the next command works.
 */
class ForkCrashTest {
  private static final int PROCESSES = 3;
  private static final String TEMPLATE = "crash-" + ProcessHandle.current().pid();

  @TempDir private static Path directory;

  private static ForkDaemon daemon;

  @BeforeAll
  static void makeTemplate() throws Exception {
    Requirements.vm();
    daemon = ForkDaemon.start(directory);
    daemon.create(
        TEMPLATE,
        """
        memory: 16MiB
        cmdline: probe=ready
        devices:
          - type: blk
            scratch: 1MiB
          - type: rng
        basepoint: {pool: 1}
        """);
  }

  @BeforeEach
  void fillPool() throws Exception {
    daemon.fillPool(TEMPLATE);
  }

  @AfterAll
  static void end() {
    if (daemon != null) {
      daemon.close();
    }
  }

  private static void kill(long pid) throws Exception {
    ProcessHandle victim = ProcessHandle.of(pid).orElseThrow();
    victim.destroyForcibly();
    awaitGone(List.of(pid));
  }

  private static void awaitGone(List<Long> pids) throws Exception {
    for (long pid : pids) {
      ProcessHandle process = ProcessHandle.of(pid).orElse(null);
      if (process != null) {
        process.onExit().get(Launcher.PATIENCE_SECONDS, TimeUnit.SECONDS);
      }
    }
  }

  private static List<Long> processes(String vm) throws Exception {
    List<Long> pids = new ArrayList<>();
    for (JsonNode process : daemon.ask(new ApiRequest.InspectVm(vm)).get("processes")) {
      if (!process.get("role").asText().equals("launcher")) {
        pids.add(process.get("pid").asLong());
      }
    }
    assertEquals(PROCESSES, pids.size());
    return pids;
  }

  /** The next fork works. */
  private static long forkOnce() throws Exception {
    JsonNode fork = daemon.fork(TEMPLATE, "exit");
    daemon.awaitGoodEnd(fork.get("name").asText());
    return fork.get("fork").get("clone_number").asLong();
  }

  /** Processes that hold memory of the template. */
  private static Set<String> holders() throws IOException {
    Set<String> holders = new TreeSet<>();
    try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (Path process : processes) {
        try (Stream<Path> descriptors = Files.list(process.resolve("fd"))) {
          for (Path descriptor : descriptors.toList()) {
            if (Files.readSymbolicLink(descriptor).toString().contains("memfd:" + TEMPLATE)) {
              holders.add(process.getFileName().toString());
            }
          }
        } catch (IOException e) {
          // It has ended, or is somebody else's.
        }
      }
    }
    return holders;
  }

  private static Set<String> names(Path of) throws IOException {
    try (Stream<Path> files = Files.list(of)) {
      return new TreeSet<>(files.map(file -> file.getFileName().toString()).toList());
    }
  }

  @Test
  void killedDaemonTakesEverythingWithItAndTheNextOneGoesOn() throws Exception {
    ConcurrentLinkedQueue<Long> acknowledged = new ConcurrentLinkedQueue<>();
    ConcurrentLinkedQueue<String> surprises = new ConcurrentLinkedQueue<>();
    CountDownLatch some = new CountDownLatch(3);
    List<Thread> clients = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      clients.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    try (ApiClient client = daemon.connect()) {
                      while (true) {
                        JsonNode fork = ForkDaemon.ask(client, ForkDaemon.clone(TEMPLATE, "hold"));
                        acknowledged.add(fork.get("fork").get("clone_number").asLong());
                        some.countDown();
                      }
                    } catch (Exception e) {
                      if (!(e instanceof CommandException refusal)
                          || refusal.exitCode() != ExitCode.NO_DAEMON) {
                        surprises.add(e.toString());
                      }
                    }
                  }));
    }
    assertTrue(some.await(Launcher.PATIENCE_SECONDS, TimeUnit.SECONDS), "three forks");
    long dead = daemon.process().pid();
    // Stopped, so that it starts nothing more that would not be in the list.
    Command.check("kill", "-STOP", Long.toString(dead));
    List<Long> children = daemon.process().children();
    assertTrue(children.size() >= 3 * PROCESSES, children::toString);
    assertFalse(holders().isEmpty());
    daemon.process().kill();
    for (Thread client : clients) {
      client.join();
    }
    awaitGone(children);
    assertEquals(List.of(), List.copyOf(surprises));
    assertEquals(Set.of(), holders());

    daemon.serve();
    assertEquals(List.of(), ForkDaemon.controlGroups(dead));
    assertEquals(Set.of("api.sock", "daemon.lock", "templates"), names(daemon.state()));
    assertEquals(
        Set.of(".forks-" + TEMPLATE, ".lock", TEMPLATE),
        names(daemon.state().resolve("templates")));
    daemon.command(0, "basepoint", "verify", TEMPLATE);
    long next = forkOnce();
    Set<Long> numbers = new HashSet<>(acknowledged);
    assertEquals(acknowledged.size(), numbers.size(), "a number was given twice: " + acknowledged);
    assertTrue(next > numbers.stream().max(Long::compare).orElseThrow(), next + " " + numbers);
  }

  @Test
  void cloneThatDiesInThePoolIsReplaced() throws Exception {
    for (int victim = 0; victim < PROCESSES; victim++) {
      daemon.fillPool(TEMPLATE);
      List<Long> waiting = daemon.process().children();
      assertEquals(PROCESSES, waiting.size(), "only the pool's clone lives");
      kill(waiting.get(victim));
      // Nobody can have been told yet that it is dead.
      forkOnce();
      awaitGone(waiting);
    }
  }

  @Test
  void cloneThatLosesAProcessCanBeEnded() throws Exception {
    for (int victim = 0; victim < PROCESSES; victim++) {
      String name = daemon.fork(TEMPLATE, "hold").get("name").asText();
      List<Long> processes = processes(name);
      daemon.awaitEvent(name, "shell");
      kill(processes.get(victim));
      if (victim == 0) {
        JsonNode facts = daemon.awaitEnd(name);
        assertEquals("process-died", facts.get("outcome").asText(), facts::toString);
        assertEquals(81, facts.get("exit_code").asInt());
      } else {
        daemon.command(0, "stop", name);
      }
      awaitGone(processes);
      forkOnce();
    }
  }

  @Test
  void fullDiskLeavesNothingOfATemplate() throws Exception {
    Requirements.root();
    Requirements.program("unshare");
    Path small = Files.createDirectory(directory.resolve("small"));
    Path large =
        daemon.manifest(
            "large",
            """
            memory: 64MiB
            cmdline: probe=mem,ready mem.bytes=16M
            devices:
              - type: rng
            """);
    Path fitting =
        daemon.manifest(
            "fitting",
            """
            memory: 16MiB
            cmdline: probe=ready
            devices:
              - type: rng
            """);
    Path script = directory.resolve("full-disk");
    Files.writeString(
        script,
        String.join(
            "\n",
            "mount -t tmpfs -o size=4M,mode=0700 tmpfs " + small,
            String.join(" ", create(large, small)),
            "echo code $?",
            "ls -A " + small + "/templates",
            "df --output=used " + small + " | tail -n 1",
            String.join(" ", create(fitting, small)),
            "echo code $?",
            "ls -A " + small + "/templates",
            ""));
    String output = Command.check("unshare", "--mount", "sh", script.toString());
    System.out.println("creating a template on a full disk:\n" + output.strip());
    List<String> lines = output.strip().lines().toList();
    assertEquals(1, lines.stream().filter(line -> line.startsWith("vmm-launch: ")).count(), output);
    assertTrue(output.contains("code 74"), output);
    assertEquals(".lock", lines.get(lines.indexOf("code 74") + 1));
    assertEquals("0", lines.get(lines.indexOf("code 74") + 2).strip(), "KiB in use");
    assertTrue(output.contains("code 0"), output);
    assertEquals("fitting", lines.getLast());
  }

  private static List<String> create(Path manifest, Path state) throws Exception {
    return Launcher.command(
        StartupCaches.properties(),
        "basepoint",
        "create",
        manifest.toString(),
        "--state",
        state.toString());
  }
}
