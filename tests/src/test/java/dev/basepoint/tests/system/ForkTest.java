package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.basepoint.launcher.api.ApiRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a clone is, has and sees. */
class ForkTest {
  private static final int SECTOR_BYTES = 512;
  private static final int DISK_BYTES = 4 << 20;

  @TempDir private static Path directory;

  private static ForkDaemon daemon;

  @BeforeAll
  static void makeTemplates() throws Exception {
    Requirements.vm();
    daemon = ForkDaemon.start(directory);
    daemon.create(
        "three",
        """
        memory: 32MiB
        cmdline: probe=blk,ready blk.sectors=256 basepoint.sector=3 basepoint.pages=300
        devices:
          - type: blk
            scratch: 4MiB
          - type: net
            backend: {type: echo}
          - type: rng
        basepoint: {pool: 1}
        """);
    daemon.create(
        "two-cpus",
        """
        memory: 32MiB
        vcpus: 2
        cmdline: probe=ready
        devices:
          - type: rng
        basepoint: {pool: 0}
        """);
  }

  @AfterAll
  static void end() {
    if (daemon != null) {
      daemon.close();
    }
  }

  private static JsonNode device(JsonNode facts, String name) {
    for (JsonNode device : facts.get("manifest").get("devices")) {
      if (device.get("name").asText().equals(name)) {
        return device;
      }
    }
    throw new AssertionError("no device " + name + " in " + facts);
  }

  @Test
  void clonesGoOnWhereTheTemplateStoodAndKnowWhoTheyAre() throws Exception {
    Set<String> macs = new HashSet<>();
    Set<String> generations = new HashSet<>();
    Set<String> draws = new HashSet<>();
    for (String name : List.of("first", "second")) {
      daemon.fillPool("three");
      JsonNode fork =
          daemon.ask(
              new ApiRequest.ForkTemplate(
                  "three", name, "exit colour=" + name, Map.of(), Map.of()));
      assertEquals(name, fork.get("name").asText());
      assertTrue(fork.get("fork").get("warm").asBoolean(), fork::toString);
      JsonNode facts = daemon.awaitGoodEnd(name);
      List<JsonNode> events = daemon.events(name);

      JsonNode clone = ForkDaemon.only(events, "clone");
      assertEquals(name, clone.get("name").asText());
      assertEquals(fork.get("fork").get("clone_number"), clone.get("number"));
      assertEquals(fork.get("fork").get("generation_id"), clone.get("generation"));
      assertEquals("exit colour=" + name, clone.get("metadata").asText());
      generations.add(clone.get("generation").asText());

      JsonNode memory = ForkDaemon.only(events, "clone_mem");
      assertEquals(300, memory.get("pages").asInt());
      assertEquals(0, memory.get("mismatched_pages").asInt());
      JsonNode disk = ForkDaemon.only(events, "clone_blk");
      assertTrue(disk.get("as_before").asBoolean(), disk::toString);
      JsonNode net = ForkDaemon.only(events, "clone_net");
      assertTrue(net.get("answered").asBoolean(), net::toString);
      assertEquals(device(facts, "net0").get("mac"), net.get("mac"));
      macs.add(net.get("mac").asText());
      draws.add(ForkDaemon.only(events, "clone_rng").get("first32").asText());
      // What the guest wrote before the template was taken is not said again.
      assertEquals(List.of(), ForkDaemon.all(events, "hello"));

      for (int marker = 16; marker <= 20; marker++) {
        assertTrue(facts.get("timings").has("guest.marker-" + marker), facts::toString);
      }
    }
    assertEquals(2, macs.size());
    assertEquals(2, generations.size());
    assertEquals(2, draws.size());
  }

  @Test
  void emptyPoolForksTooAndSaysSo() throws Exception {
    Launcher fork = daemon.command(0, "fork", "two-cpus", "--name", "cold", "--metadata", "exit");
    assertTrue(fork.output().contains("the pool was empty"), fork::output);
    daemon.awaitGoodEnd("cold");
    JsonNode smp = ForkDaemon.only(daemon.events("cold"), "clone_smp");
    assertEquals(2, smp.get("requested").asInt());
    assertEquals(2, smp.get("correct").asInt());

    JsonNode waited =
        daemon.command(0, "fork", "two-cpus", "--metadata", "exit", "--wait", "--json").json();
    assertEquals("powered-off", waited.get("outcome").asText());
    assertEquals("exit", waited.get("guest").get("clone").get("metadata").asText());
    assertFalse(
        daemon.fork("two-cpus", "exit").get("fork").get("warm").asBoolean(),
        "a clone of an empty pool");
  }

  @Test
  void diskIsReplaced() throws Exception {
    byte[] content = new byte[DISK_BYTES];
    new Random(2).nextBytes(content);
    Path image = directory.resolve("other.img");
    Files.write(image, content);
    JsonNode fork =
        daemon.ask(
            new ApiRequest.ForkTemplate(
                "three", "", "probe=blk blk.ops=in", Map.of(), Map.of("blk0", image.toString())));
    String name = fork.get("name").asText();
    JsonNode facts = daemon.awaitEnd(name);
    List<JsonNode> events = daemon.events(name);
    JsonNode first = ForkDaemon.only(events, "clone_blk");
    assertFalse(first.get("as_before").asBoolean(), first::toString);
    int sector = first.get("sector").asInt() * SECTOR_BYTES;
    assertEquals(
        sha256(Arrays.copyOfRange(content, sector, sector + SECTOR_BYTES)),
        first.get("sha256").asText());
    assertEquals(
        sha256(Arrays.copyOf(content, 256 * SECTOR_BYTES)),
        ForkDaemon.only(events, "blk").get("sha256").asText());
    assertEquals(image.toString(), device(facts, "blk0").get("image").asText());
    assertEquals(-1, Arrays.mismatch(content, Files.readAllBytes(image)));
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  @Test
  void networkIsTakenAway() throws Exception {
    JsonNode fork =
        daemon.ask(
            new ApiRequest.ForkTemplate("three", "", "hold", Map.of("net0", "none"), Map.of()));
    String name = fork.get("name").asText();
    JsonNode net = ForkDaemon.only(daemon.awaitEvent(name, "shell"), "clone_net");
    assertFalse(net.get("answered").asBoolean(), net::toString);
    daemon.command(0, "stop", name);
  }

  @Test
  void networkIsConnectedToATap() throws Exception {
    Requirements.root();
    Requirements.program("ip");
    Requirements.program("ping");
    String namespace = "basepoint-fork-" + ProcessHandle.current().pid();
    Command.check("ip", "netns", "add", namespace);
    try {
      Command.check(
          "ip", "-n", namespace, "tuntap", "add", "dev", "tap0", "mode", "tap", "vnet_hdr");
      Command.check("ip", "-n", namespace, "addr", "add", "10.0.2.2/24", "dev", "tap0");
      Command.check("ip", "-n", namespace, "link", "set", "tap0", "up");
      JsonNode fork =
          daemon.ask(
              new ApiRequest.ForkTemplate(
                  "three", "", "hold", Map.of("net0", "tap:tap0@" + namespace), Map.of()));
      String name = fork.get("name").asText();
      JsonNode net = ForkDaemon.only(daemon.awaitEvent(name, "shell"), "clone_net");
      assertTrue(net.get("answered").asBoolean(), net::toString);
      String pings =
          Command.run(
                  "ip",
                  "netns",
                  "exec",
                  namespace,
                  "ping",
                  "-q",
                  "-c",
                  "20",
                  "-i",
                  "0.01",
                  "-W",
                  "60",
                  "10.0.2.15")
              .output();
      assertTrue(pings.contains("20 received"), pings);
      String neighbours = Command.check("ip", "-n", namespace, "neigh", "show", "dev", "tap0");
      assertTrue(neighbours.contains(net.get("mac").asText()), neighbours);
      daemon.command(0, "stop", name);
    } finally {
      Command.run("ip", "netns", "del", namespace);
    }
  }

  @Test
  void aClonesPrivateMemoryIsWhatItHasWritten() throws Exception {
    daemon.fillPool("three");
    JsonNode fork = daemon.fork("three", "write-pattern=7,2000,0 hold");
    String name = fork.get("name").asText();
    List<JsonNode> events = daemon.awaitEvent(name, "shell");
    JsonNode pages = ForkDaemon.only(events, "pages");
    assertEquals(0, pages.get("large_pages_written").asInt(), pages::toString);
    long writtenKib = pages.get("pages_written").asLong() * 4;
    long pid = 0;
    for (JsonNode process : daemon.ask(new ApiRequest.InspectVm(name)).get("processes")) {
      pid = process.get("role").asText().equals("vmm-main") ? process.get("pid").asLong() : pid;
    }
    GuestMemoryMap ram = GuestMemoryMap.read(pid, 32L << 20);
    assertEquals(32L << 20, ram.bytes());
    long privateKib = ram.anonymousKib();
    System.out.printf(
        "a clone wrote %d KiB of its memory and holds %d KiB of it alone%n",
        writtenKib, privateKib);
    assertTrue(writtenKib > 8000, pages::toString);
    assertTrue(
        Math.abs(privateKib - writtenKib) * 10 <= writtenKib,
        "written: " + writtenKib + " KiB, private: " + privateKib + " KiB");
    daemon.command(0, "stop", name);
  }
}
