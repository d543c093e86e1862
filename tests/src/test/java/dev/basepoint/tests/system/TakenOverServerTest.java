package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.basepoint.tests.hostile.DeviceAttack;
import dev.basepoint.tests.hostile.Interposer;
import dev.basepoint.tests.hostile.SupervisionAttack;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Device servers that somebody has taken over, in a running VM, in their real sandboxes: each may
 * cost its own device and nothing else. Beside the victims stand an honest disk, network card and
 * entropy source, whose data the guest verifies before and after, and the host the disk's hash.
 */
class TakenOverServerTest {
  private static final List<String> KINDS = List.of("blk", "net", "rng");
  private static final String TWO_ROUNDS = "probe=rng,blk,net,rng,blk,net";

  /** Room for the guest to feel what comes late: vmm-main pings every 2 s and waits for 5 s. */
  private static final String WITH_PAUSE = "probe=rng,blk,net,idle,rng,blk,net idle.ms=15000";

  /** A device whose server attacks. */
  private record Victim(String kind, DeviceAttack attack) {
    String name() {
      return attack.deviceName(kind);
    }
  }

  @TempDir private static Path directory;
  private static final List<String> JARS = new ArrayList<>();

  @BeforeAll
  static void packHostileServers() throws Exception {
    Requirements.vm();
    for (String kind : KINDS) {
      String module = "device-server-" + kind;
      Path jar = directory.resolve(module + ".jar");
      RoleJar.make(module, jar, Interposer.class, List.of(), SupervisionAttack.NONE.name());
      JARS.add("-Dvmm.jar." + module + "=" + jar);
    }
  }

  private static Victim blk(DeviceAttack attack) {
    return new Victim("blk", attack);
  }

  private static Victim net(DeviceAttack attack) {
    return new Victim("net", attack);
  }

  private static Victim rng(DeviceAttack attack) {
    return new Victim("rng", attack);
  }

  private static String manifest(String commandLine, List<Victim> victims) throws IOException {
    StringBuilder text =
        new StringBuilder(
            """
            version: 1
            name: hostile
            memory: 96MiB
            cmdline: %s blk.sectors=4096 net.ping=20 net.echo=20
            console: none
            timeouts: {run: 150s}
            devices:
            """
                .formatted(commandLine));
    for (String kind : KINDS) {
      text.append(device(kind, "honest-" + kind));
    }
    for (Victim victim : victims) {
      text.append(device(victim.kind(), victim.name()));
    }
    Path file = Files.createTempFile(directory, "hostile", ".yaml");
    return Files.writeString(file, text).toString();
  }

  private static String device(String kind, String name) {
    String more =
        switch (kind) {
          case "blk" -> ", scratch: 2MiB";
          case "net" -> ", backend: {type: echo}";
          default -> "";
        };
    return "  - {type: %s, name: %s%s}\n".formatted(kind, name, more);
  }

  private static Launcher run(String commandLine, List<Victim> victims, String... options)
      throws Exception {
    List<String> arguments =
        new ArrayList<>(List.of("run", manifest(commandLine, victims), "--json"));
    arguments.addAll(List.of(options));
    Launcher run = Launcher.start(JARS, arguments.toArray(String[]::new));
    run.awaitExit();
    return run;
  }

  /** The honest devices' data is right, in the guest's eyes and the host's. */
  private static void assertHonestDevicesServed(JsonNode facts) {
    JsonNode guest = facts.get("guest");
    JsonNode blk = guest.get("honest-blk");
    assertEquals("image", blk.get("covers").asText(), blk::toString);
    assertEquals(0, blk.get("mismatched_sectors").asInt());
    assertEquals(0, blk.get("errors").asInt());
    JsonNode net = guest.get("honest-net");
    assertEquals(20, net.get("answered").asInt(), net::toString);
    assertEquals(20, net.get("ping_answered").asInt());
    JsonNode rng = guest.get("honest-rng");
    assertEquals(4096, rng.get("bytes").asInt(), rng::toString);
    assertEquals(0, rng.get("repeats").asInt());
    for (JsonNode device : facts.get("devices")) {
      if (device.get("name").asText().equals("honest-blk")) {
        assertTrue(device.get("same_as_in_guest").asBoolean(), device::toString);
      }
      assertTrue(
          !device.get("name").asText().startsWith("honest")
              || device.path("shadow.failures").asInt() == 0,
          device::toString);
    }
    for (JsonNode process : facts.get("processes")) {
      Path pid = Path.of("/proc/" + process.get("pid").asInt());
      assertFalse(Files.exists(pid), () -> process + " outlived the run");
    }
  }

  /** What the launcher said of a victim's end, and that the attack was made at all. */
  private static String verdictOn(Victim victim, String output) {
    String begins = "attack " + victim.attack() + ": ";
    assertTrue(output.contains(begins), () -> victim + " did not attack:\n" + output);
    String failed = "device " + victim.name() + " failed: ";
    return output
        .lines()
        .filter(line -> line.contains(failed))
        .map(line -> line.substring(line.indexOf(failed) + failed.length()))
        .findFirst()
        .orElse("");
  }

  private static void assertOnlyVictimsFail(String commandLine, Victim... all) throws Exception {
    List<Victim> victims = List.of(all);
    try (Launcher run = run(commandLine, victims)) {
      assertEquals(81, run.awaitExit(), run::output);
      JsonNode facts = run.json();
      assertEquals("device-failed", facts.get("outcome").asText(), run::output);
      assertHonestDevicesServed(facts);
      for (Victim victim : victims) {
        String verdict = verdictOn(victim, run.output());
        assertFalse(verdict.isEmpty(), () -> victim + " did not fail:\n" + run.output());
        System.out.printf("%-4s %-26s %s%n", victim.kind(), victim.attack(), verdict);
      }
    }
  }

  @Test
  void liesInTheUsedRingCostTheirOwnDevice() throws Exception {
    assertOnlyVictimsFail(
        TWO_ROUNDS,
        blk(DeviceAttack.USED_ID_NEVER_OFFERED),
        blk(DeviceAttack.USED_TWICE),
        blk(DeviceAttack.USED_LENGTH_BEYOND_OFFER),
        blk(DeviceAttack.USED_INDEX_FORWARD),
        rng(DeviceAttack.USED_ID_OUT_OF_RANGE),
        rng(DeviceAttack.USED_LENGTH_HUGE),
        rng(DeviceAttack.USED_INDEX_BACKWARD),
        net(DeviceAttack.USED_INDEX_HUGE),
        net(DeviceAttack.USED_LENGTH_BEYOND_OFFER));
  }

  @Test
  void strangeMessagesCostTheirOwnDevice() throws Exception {
    assertOnlyVictimsFail(
        TWO_ROUNDS,
        blk(DeviceAttack.CONFIG_OF_OTHER_SIZE),
        blk(DeviceAttack.CLAIMS_BROKEN),
        blk(DeviceAttack.UNKNOWN_MESSAGE),
        blk(DeviceAttack.SURPLUS_DESCRIPTORS),
        rng(DeviceAttack.REPLY_NOBODY_ASKED_FOR),
        rng(DeviceAttack.GARBAGE_BYTES),
        rng(DeviceAttack.GARBAGE_PAYLOAD),
        net(DeviceAttack.OVERSIZED_MESSAGE),
        net(DeviceAttack.UNANNOUNCED_DESCRIPTORS));
  }

  @Test
  void floodsAndWrongAnswersCostTheirOwnDevice() throws Exception {
    assertOnlyVictimsFail(
        TWO_ROUNDS,
        blk(DeviceAttack.CALL_STORM),
        blk(DeviceAttack.EVENT_FLOOD),
        blk(DeviceAttack.REPLY_FLOOD),
        net(DeviceAttack.CALL_STORM),
        rng(DeviceAttack.CLOSES_CHANNEL),
        rng(DeviceAttack.REPLY_OUT_OF_ORDER),
        net(DeviceAttack.REPLY_TWICE),
        net(DeviceAttack.REPLY_OF_WRONG_TYPE));
  }

  @Test
  void silenceCostsItsOwnDevice() throws Exception {
    assertOnlyVictimsFail(
        WITH_PAUSE,
        blk(DeviceAttack.SILENT_ON_ACTIVATE),
        blk(DeviceAttack.COMPLETES_NOTHING),
        rng(DeviceAttack.SILENT_ON_RUN),
        rng(DeviceAttack.SILENT_ON_PING),
        net(DeviceAttack.LATE_ON_PING));
  }

  /** Nobody can foresee what random bytes do to the victims; the rest must not notice. */
  @Test
  void scribblingCostsItsOwnDeviceAtWorst() throws Exception {
    List<Victim> victims =
        List.of(
            blk(DeviceAttack.SCRIBBLES_RINGS),
            blk(DeviceAttack.SCRIBBLES_DATA),
            net(DeviceAttack.SCRIBBLES_RINGS),
            net(DeviceAttack.SCRIBBLES_DATA),
            rng(DeviceAttack.SCRIBBLES_RINGS),
            rng(DeviceAttack.SCRIBBLES_DATA));
    try (Launcher run = run(TWO_ROUNDS + ",rng,blk,net,rng,blk,net", victims)) {
      int exitCode = run.awaitExit();
      assertTrue(exitCode == 80 || exitCode == 81, run::output);
      assertHonestDevicesServed(run.json());
      for (Victim victim : victims) {
        String verdict = verdictOn(victim, run.output());
        System.out.printf("%-4s %-26s %s%n", victim.kind(), victim.attack(), verdict);
      }
    }
  }

  @Test
  void deathWithRequestsInFlightCostsItsOwnDevice() throws Exception {
    Victim victim = blk(DeviceAttack.DIES);
    try (Launcher run = run(TWO_ROUNDS, List.of(victim))) {
      assertEquals(81, run.awaitExit(), run::output);
      assertEquals("process-died", run.json().get("outcome").asText(), run::output);
      assertHonestDevicesServed(run.json());
      assertFalse(verdictOn(victim, run.output()).isEmpty(), run::output);
    }
  }

  @Test
  void serverThatDoesNotDescribeItselfEndsTheStart() throws Exception {
    Victim victim = rng(DeviceAttack.SILENT_ON_DESCRIBE);
    try (Launcher run = run(TWO_ROUNDS, List.of(victim))) {
      assertEquals(71, run.awaitExit(), run::output);
      assertTrue(run.output().contains("device " + victim.name()), run::output);
    }
  }

  @Test
  void strictEndsServersThatReachForWhatTheyShare() throws Exception {
    for (Victim victim :
        List.of(blk(DeviceAttack.TRUNCATES_WINDOW), rng(DeviceAttack.UNBLOCKS_EVENTFDS))) {
      try (Launcher run = run(TWO_ROUNDS, List.of(victim))) {
        assertEquals(82, run.awaitExit(), run::output);
        assertEquals("sandbox-violation", run.json().get("outcome").asText());
        assertHonestDevicesServed(run.json());
      }
    }
  }

  /** Should the filter not be there, the window's seals still are. */
  @Test
  void sealsKeepTheWindowWithoutTheFilterToo() throws Exception {
    Victim victim = blk(DeviceAttack.TRUNCATES_WINDOW);
    try (Launcher run = run(TWO_ROUNDS, List.of(victim), "--sandbox", "permissive")) {
      assertEquals(0, run.awaitExit(), run::output);
      assertHonestDevicesServed(run.json());
      assertTrue(run.output().contains("attack TRUNCATES_WINDOW: "), run::output);
      assertFalse(run.output().contains("the window is gone"), run::output);
    }
  }
}
