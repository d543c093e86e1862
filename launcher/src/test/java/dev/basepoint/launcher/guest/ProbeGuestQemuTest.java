package dev.basepoint.launcher.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The guest boots and drives its devices on somebody else's VMM too. */
class ProbeGuestQemuTest {
  private static final int DISK_BYTES = 1 << 20;
  private static final int ECHOES = 20;

  @TempDir Path directory;

  @Test
  void drivesQemusDevicesUnderEmulation() throws Exception {
    bootAndCheck("tcg");
  }

  @Test
  void drivesQemusDevicesOnKvm() throws Exception {
    assumeKvm();
    bootAndCheck("kvm");
  }

  private static void assumeKvm() {
    assumeTrue(
        Files.isReadable(Path.of("/dev/kvm")) && Files.isWritable(Path.of("/dev/kvm")),
        "/dev/kvm cannot be opened here");
  }

  @Test
  void villainFindsTheDiskWorkingAfterEveryCase() throws Exception {
    Tools.assumeProgram("qemu-system-x86_64");
    Path guest = Files.write(directory.resolve("guest.elf"), Tools.resource("probe-guest.elf"));
    Path disk = Files.write(directory.resolve("disk.img"), new byte[DISK_BYTES]);
    String options = "probe=villain,blk villain.targets=blk villain.wait_us=500";
    String output = Tools.run(qemu("tcg", guest, disk, options), directory.resolve("log"));

    Map<String, JsonNode> events = eventsByName(output);
    assertTrue(events.containsKey("villain"), output);
    assertTrue(events.get("villain").get("cases").asInt() >= 200, output);
    assertEquals(
        events.get("villain").get("cases").asInt(),
        events.get("villain").get("recovered").asInt(),
        output);
    assertEquals(0, events.get("villain").get("damaged").asInt(), output);
    assertEquals(0, events.get("done").get("failures").asInt(), output);
  }

  @Test
  void soakReportsWhatTheImageHolds() throws Exception {
    Tools.assumeProgram("qemu-system-x86_64");
    Path guest = Files.write(directory.resolve("guest.elf"), Tools.resource("probe-guest.elf"));
    Path disk = Files.write(directory.resolve("disk.img"), new byte[DISK_BYTES]);
    String options = "probe=soak soak.seconds=1 soak.progress_ms=0";
    String output = Tools.run(qemu("tcg", guest, disk, options), directory.resolve("log"));

    Map<String, JsonNode> events = eventsByName(output);
    assertTrue(events.containsKey("soak"), output);
    assertTrue(events.get("soak_blk").get("writes").asInt() > DISK_BYTES / 4096, output);
    assertEquals("image", events.get("soak_blk").get("covers").asText(), output);
    assertEquals(hashOf(disk), events.get("soak_blk").get("sha256").asText(), output);
    assertEquals(0, events.get("done").get("failures").asInt(), output);
  }

  @Test
  void countsWrittenPagesUnderEmulation() throws Exception {
    countWrittenPages("tcg");
  }

  @Test
  void countsWrittenPagesOnKvm() throws Exception {
    assumeKvm();
    countWrittenPages("kvm");
  }

  /** The guest's count grows by the pages of a pattern, and not when the pattern is rewritten. */
  private void countWrittenPages(String accelerator) throws Exception {
    Tools.assumeProgram("qemu-system-x86_64");
    Path guest = Files.write(directory.resolve("guest.elf"), Tools.resource("probe-guest.elf"));
    Path disk = Files.write(directory.resolve("disk.img"), new byte[DISK_BYTES]);
    String options =
        "ready=doorbell rng-inflight blk-inflight mem.bytes=8M"
            + " probe=pages,mem,pages,mem,pages,rng,blk blk.ops=in";
    String output = Tools.run(qemu(accelerator, guest, disk, options), directory.resolve("log"));

    List<Integer> counts =
        events(output).stream()
            .filter(event -> event.get("event").asText().equals("pages"))
            .map(event -> event.get("pages_written").asInt())
            .toList();
    assertEquals(3, counts.size(), output);
    int grown = counts.get(1) - counts.get(0);
    int patternPages = (8 << 20) / 4096;
    // Besides the pattern itself: page tables for it, and what the step uses for the first time.
    assertTrue(grown >= patternPages && grown <= patternPages + 16, output);
    assertTrue(counts.get(2) - counts.get(1) <= 2, output);
    Map<String, JsonNode> events = eventsByName(output);
    assertFalse(events.containsKey("identity"), output);
    assertEquals(0, events.get("done").get("failures").asInt(), output);
  }

  @Test
  void runsConsoleCommands() throws Exception {
    Tools.assumeProgram("qemu-system-x86_64");
    Path guest = Files.write(directory.resolve("guest.elf"), Tools.resource("probe-guest.elf"));
    Path disk = Files.write(directory.resolve("disk.img"), new byte[DISK_BYTES]);
    // What arrives before the UART is set up is lost: let it be an empty line.
    String commands = "\n\nrng rng.bytes=48\nmem mem.bytes=64K mem.seed=7\nmem_verify\npoweroff\n";
    Path input = Files.writeString(directory.resolve("commands"), commands);
    String output =
        Tools.run(qemu("tcg", guest, disk, "probe=shell"), input, directory.resolve("log"));

    Map<String, JsonNode> events = eventsByName(output);
    assertEquals(48, events.get("rng").get("bytes").asInt(), output);
    assertEquals("verify", events.get("mem").get("operation").asText(), output);
    assertEquals(7, events.get("mem").get("seed").asInt(), output);
    assertEquals(0, events.get("mem").get("mismatched_pages").asInt(), output);
    assertEquals("mem_verify", events.get("command").get("command").asText(), output);
  }

  private static String hashOf(Path file) throws Exception {
    byte[] hash = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
    return HexFormat.of().formatHex(hash);
  }

  private void bootAndCheck(String accelerator) throws Exception {
    Tools.assumeProgram("qemu-system-x86_64");
    Path guest = Files.write(directory.resolve("guest.elf"), Tools.resource("probe-guest.elf"));
    Path disk = Files.write(directory.resolve("disk.img"), new byte[DISK_BYTES]);
    String output;
    try (DatagramSocket echo = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
      Thread.ofPlatform().daemon().start(() -> echoUntilClosed(echo));
      String options =
          "cpus=2 probe=smp,rng,blk,net net.echo=" + ECHOES + " net.port=" + echo.getLocalPort();
      output = Tools.run(qemu(accelerator, guest, disk, options), directory.resolve("log"));
    }

    Map<String, JsonNode> events = eventsByName(output);
    assertTrue(events.containsKey("done"), output);
    assertEquals(0, events.get("done").get("failures").asInt(), output);
    assertEquals(2, events.get("smp").get("online").asInt(), output);
    assertEquals(4096, events.get("rng").get("bytes").asInt(), output);
    assertEquals(ECHOES, events.get("net").get("answered").asInt(), output);
    assertEquals("image", events.get("blk").get("covers").asText(), output);
    assertEquals(hashOf(disk), events.get("blk").get("sha256").asText(), output);
  }

  static List<String> qemu(String accelerator, Path guest, Path disk, String options) {
    return List.of(
        "qemu-system-x86_64",
        "-machine",
        "microvm,acpi=off",
        "-accel",
        accelerator,
        "-smp",
        "2",
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
        "if=none,id=disk,format=raw,file=" + disk,
        "-device",
        "virtio-blk-device,drive=disk",
        "-netdev",
        "user,id=net",
        "-device",
        "virtio-net-device,netdev=net",
        "-kernel",
        guest.toString(),
        "-append",
        options);
  }

  private static void echoUntilClosed(DatagramSocket socket) {
    DatagramPacket packet = new DatagramPacket(new byte[2048], 2048);
    try {
      while (true) {
        packet.setLength(2048);
        socket.receive(packet);
        socket.send(packet);
      }
    } catch (IOException e) {
      assertTrue(socket.isClosed(), e::toString);
    }
  }

  private static List<JsonNode> events(String output) {
    return output
        .lines()
        .filter(line -> line.startsWith("@probe "))
        .map(line -> parse(line.substring("@probe ".length())))
        .toList();
  }

  private static Map<String, JsonNode> eventsByName(String output) {
    return events(output).stream()
        .collect(Collectors.toMap(e -> e.get("event").asText(), e -> e, (first, last) -> last));
  }

  private static JsonNode parse(String line) {
    try {
      return new ObjectMapper().readTree(line);
    } catch (IOException e) {
      throw new AssertionError("not JSON: " + line, e);
    }
  }
}
