package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole runs of the probe guest, judged by the facts that the launcher prints. */
class ProbeRunTest {
  @TempDir private Path directory;

  @BeforeAll
  static void requirements() throws Exception {
    Requirements.vm();
  }

  private static JsonNode device(JsonNode facts, String name) {
    for (JsonNode device : facts.get("devices")) {
      if (device.get("name").asText().equals(name)) {
        return device;
      }
    }
    throw new AssertionError("no device " + name + " in " + facts);
  }

  @Test
  void demoExercisesThreeDevicesInFiveProcesses() throws Exception {
    try (Launcher demo = Launcher.run("demo", "--json")) {
      assertEquals(0, demo.awaitExit(), demo::output);
      JsonNode facts = demo.json();
      assertEquals("powered-off", facts.get("outcome").asText());
      JsonNode guest = facts.get("guest");
      assertEquals(0, guest.get("done").get("failures").asInt());

      JsonNode blk = device(facts, "blk0");
      assertTrue(blk.get("same_as_in_guest").asBoolean(), blk::toString);
      assertEquals(guest.get("blk0").get("sha256").asText(), blk.get("sha256_on_host").asText());
      assertEquals("image", guest.get("blk0").get("covers").asText());
      assertTrue(guest.get("blk0").get("written_bytes").asLong() > 0);
      assertEquals(0, blk.get("errors").asLong());

      JsonNode net = guest.get("net0");
      assertTrue(net.get("sent").asLong() > 0);
      assertEquals(net.get("sent").asLong(), net.get("answered").asLong());
      assertTrue(net.get("ping_sent").asLong() > 0);
      assertEquals(net.get("ping_sent").asLong(), net.get("ping_answered").asLong());

      JsonNode rng = guest.get("rng0");
      long ones = rng.get("ones_permille").asLong();
      assertTrue(ones > 400 && ones < 600, rng::toString);
      assertEquals(0, rng.get("repeats").asLong());
      assertTrue(device(facts, "rng0").get("bytes").asLong() >= rng.get("bytes").asLong());

      Set<String> roles = new HashSet<>();
      Set<Integer> pids = new HashSet<>();
      for (JsonNode process : facts.get("processes")) {
        roles.add(process.get("role").asText());
        pids.add(process.get("pid").asInt());
        assertTrue(process.get("private_kib").asLong() > 0, process::toString);
        assertTrue(process.has("shared_kib"));
      }
      assertEquals(Set.of("launcher", "vmm-main", "blk", "net", "rng"), roles);
      assertEquals(5, pids.size());
      assertTrue(facts.get("timings").size() > 5);
      for (int pid : pids) {
        assertFalse(Files.exists(Path.of("/proc/" + pid)), "process " + pid + " outlived the run");
      }
    }
  }

  @Test
  void twoFreshDrawsOfEntropyDiffer() throws Exception {
    Set<String> draws = new HashSet<>();
    for (int i = 0; i < 2; i++) {
      try (Launcher demo = Launcher.run("demo", "--json")) {
        draws.add(demo.json().get("guest").get("rng0").get("first32").asText());
      }
    }
    assertEquals(2, draws.size());
  }

  @Test
  void bigMachineWithTwoDisksAndTwoCards() throws Exception {
    Path manifest = directory.resolve("big.yaml");
    Files.writeString(
        manifest,
        """
        version: 1
        name: big
        memory: 512MiB
        vcpus: 2
        cmdline: probe=smp,rng,blk,net,mem blk.sectors=4096 blk.start=2093056 net.ping=5 mem.bytes=64M
        console: none
        devices:
          - type: blk
            name: system
            image: system.img
            size: 1GiB
          - type: blk
            name: data
            scratch: 1GiB
          - type: net
            name: front
            backend: {type: echo}
          - type: net
            name: back
            backend: {type: echo}
          - type: rng
        """);
    try (Launcher run = Launcher.run("run", manifest.toString(), "--json")) {
      assertEquals(0, run.awaitExit(), run::output);
      JsonNode facts = run.json();
      assertEquals(1L << 30, Files.size(directory.resolve("system.img")));
      for (String disk : new String[] {"system", "data"}) {
        assertTrue(device(facts, disk).get("same_as_in_guest").asBoolean(), facts::toString);
        assertEquals(2097152, facts.get("guest").get(disk).get("capacity_sectors").asLong());
      }
      for (String card : new String[] {"front", "back"}) {
        JsonNode net = facts.get("guest").get(card);
        assertEquals(net.get("sent").asLong(), net.get("answered").asLong());
        assertEquals(5, net.get("ping_answered").asLong());
      }
      assertEquals(2, facts.get("guest").get("smp").get("correct").asInt());
      assertEquals(7, facts.get("processes").size());
    }
  }

  @Test
  void consoleGoesBothWays() throws Exception {
    Path manifest = directory.resolve("shell.yaml");
    Files.writeString(
        manifest,
        """
        version: 1
        name: shell
        memory: 64MiB
        cmdline: probe=shell
        devices:
          - type: rng
        """);
    try (Launcher run = Launcher.start("run", manifest.toString())) {
      run.awaitEvent("shell");
      run.type("rng rng.bytes=64");
      assertEquals(64, run.awaitEvent("rng").get("bytes").asInt());
      run.awaitEvent("command");
      run.type("poweroff");
      assertEquals(0, run.awaitExit(), run::output);
    }
  }

  @Test
  void crashAndFailureHaveTheirOwnExitCode() throws Exception {
    Path manifest = directory.resolve("crash.yaml");
    Files.writeString(
        manifest,
        """
        version: 1
        name: crash
        memory: 64MiB
        cmdline: probe=blk blk.ops=in,verify
        console: none
        devices:
          - type: blk
            scratch: 1MiB
        """);
    try (Launcher run = Launcher.run("run", manifest.toString(), "--json")) {
      assertEquals(80, run.awaitExit(), run::output);
      assertEquals("guest-reported-failure", run.json().get("outcome").asText());
    }
  }
}
