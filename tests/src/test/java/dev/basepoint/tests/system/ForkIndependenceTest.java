package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.basepoint.launcher.api.ApiClient;
import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Clones that write, and die, leave everything else as it was. */
class ForkIndependenceTest {
  private static final int CLONES = 50;
  private static final int ALIVE = 5;
  private static final int KILLED_OF_ALIVE = 2;
  private static final int PAGES = 200;
  private static final int SECTORS = 512;
  private static final int IMAGE_BYTES = 4 << 20;

  /** More than a clone writes to its console until its report is done. */
  private static final int REPORT_BYTES = 2000;

  @TempDir private static Path directory;

  private static ForkDaemon daemon;
  private static Path image;

  @BeforeAll
  static void makeTemplate() throws Exception {
    Requirements.vm();
    byte[] content = new byte[IMAGE_BYTES];
    new Random(1).nextBytes(content);
    image = Files.write(directory.resolve("base.img"), content);
    daemon = ForkDaemon.start(directory);
    daemon.create(
        "written",
        """
        memory: 32MiB
        cmdline: probe=ready basepoint.sector=3 basepoint.pages=100
        devices:
          - type: blk
            image: base.img
        basepoint: {pool: 0}
        """);
  }

  @AfterAll
  static void end() {
    if (daemon != null) {
      daemon.close();
    }
  }

  /** Everything that clones share, by what it is called. */
  private static SortedMap<String, String> hashes() throws Exception {
    SortedMap<String, String> hashes = new TreeMap<>();
    hashes.put("base image", sha256(image));
    try (Stream<Path> files = Files.list(daemon.template("written"))) {
      for (Path file : files.toList()) {
        hashes.put(file.getFileName().toString(), sha256(file));
      }
    }
    return hashes;
  }

  private static String sha256(Path file) throws Exception {
    return HexFormat.of()
        .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
  }

  @Test
  void whateverFiftyClonesWriteAndHoweverTheyDie() throws Exception {
    SortedMap<String, String> before = hashes();
    long seed = System.nanoTime();
    System.out.println("clones are killed by random numbers of seed " + seed);
    Random random = new Random(seed);
    try (ExecutorService workers = Executors.newFixedThreadPool(ALIVE)) {
      for (int first = 0; first < CLONES; first += ALIVE) {
        List<Callable<Sibling>> writing = new ArrayList<>();
        for (int i = 0; i < ALIVE; i++) {
          Sibling sibling = new Sibling(first + i + 1, i < KILLED_OF_ALIVE, random.nextLong());
          writing.add(sibling::write);
        }
        List<Callable<Sibling>> verifying = new ArrayList<>();
        for (Future<Sibling> sibling : workers.invokeAll(writing)) {
          verifying.add(sibling.get()::verify);
        }
        for (Future<Sibling> sibling : workers.invokeAll(verifying)) {
          sibling.get();
        }
      }
    }
    assertEquals(before, hashes());
    daemon.command(0, "basepoint", "verify", "written");
    assertEquals(0, daemon.ask(new ApiRequest.ListVms(false)).get("vms").size());
  }

  /** One of the clones. */
  private static final class Sibling {
    private final int seed;
    private final boolean killed;
    private final Random random;
    private String name;

    Sibling(int seed, boolean killed, long randomSeed) {
      this.seed = seed;
      this.killed = killed;
      this.random = new Random(randomSeed);
    }

    /** Writes its own pattern to its memory and its disk, or dies while it does so. */
    Sibling write() throws Exception {
      try (ApiClient client = daemon.connect()) {
        JsonNode fork =
            ForkDaemon.ask(
                client,
                ForkDaemon.clone(
                    "written", "write-pattern=" + seed + "," + PAGES + "," + SECTORS + " hold"));
        name = fork.get("name").asText();
        if (killed) {
          die(client);
          return this;
        }
      }
      List<JsonNode> events = daemon.awaitEvent(name, "shell");
      assertTrue(
          ForkDaemon.only(events, "clone_blk").get("as_before").asBoolean(), events::toString);
      assertEquals(0, ForkDaemon.only(events, "clone_mem").get("mismatched_pages").asInt());
      requirePattern(ForkDaemon.only(events, "mem"), ForkDaemon.only(events, "blk"));
      return this;
    }

    private void requirePattern(JsonNode memory, JsonNode disk) {
      assertEquals(seed, memory.get("seed").asInt(), memory::toString);
      assertEquals(PAGES * 4096, memory.get("bytes").asInt(), memory::toString);
      assertEquals(0, memory.get("mismatched_pages").asInt(), memory::toString);
      assertEquals(SECTORS, disk.get("sectors").asInt(), disk::toString);
      assertEquals(0, disk.get("mismatched_sectors").asInt(), disk::toString);
      assertEquals(0, disk.get("errors").asInt(), disk::toString);
    }

    /** SIGKILL for a random one of its processes, at a random moment of its work. */
    private void die(ApiClient client) throws Exception {
      long moment = random.nextInt(REPORT_BYTES);
      long written = 0;
      // An event may come in pieces, and the guest is silent after its last one.
      StringBuilder report = new StringBuilder();
      boolean ended = false;
      while (written <= moment && !ended) {
        var output = client.console(new ApiRequest.ReadConsole(name, written, 1000));
        written = output.position() + output.output().length;
        ended = output.ended();
        report.append(new String(output.output(), StandardCharsets.UTF_8));
        if (report.indexOf("\"event\":\"shell\"") >= 0) {
          break;
        }
      }
      assertFalse(ended, name + " ended by itself");
      List<Long> pids = new ArrayList<>();
      for (JsonNode process :
          ForkDaemon.ask(client, new ApiRequest.InspectVm(name)).get("processes")) {
        if (!process.get("role").asText().equals("launcher")) {
          pids.add(process.get("pid").asLong());
        }
      }
      assertEquals(2, pids.size());
      ProcessHandle victim = ProcessHandle.of(pids.get(random.nextInt(pids.size()))).orElseThrow();
      victim.destroyForcibly();
      victim.onExit().get(Launcher.PATIENCE_SECONDS, TimeUnit.SECONDS);
      try {
        ForkDaemon.ask(client, new ApiRequest.StopVm(name, 0));
      } catch (CommandException e) {
        assertEquals(ExitCode.WRONG_STATE, e.exitCode(), e::toString);
      }
      for (long pid : pids) {
        assertFalse(Files.exists(Path.of("/proc/" + pid)), "process " + pid + " is left");
      }
    }

    /** All siblings have written: what this one wrote is still there, unless it has died. */
    Sibling verify() throws Exception {
      if (killed) {
        return this;
      }
      daemon.type(
          name,
          "mem_verify",
          "blk blk.ops=in,verify blk.seed=" + seed + " blk.sectors=" + SECTORS,
          "poweroff");
      assertEquals("powered-off", daemon.awaitEnd(name).get("outcome").asText());
      List<JsonNode> events = daemon.events(name);
      requirePattern(
          ForkDaemon.all(events, "mem").getLast(), ForkDaemon.all(events, "blk").getLast());
      assertEquals(2, ForkDaemon.all(events, "mem").size());
      assertEquals(2, ForkDaemon.all(events, "blk").size());
      return this;
    }
  }
}
