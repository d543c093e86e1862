package dev.basepoint.launcher.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the guest does when it wakes up as somebody else. No fork is needed for that: in QEMU a port
 * that reads as 0 puts the identity page at address 0, and the debugger port changes it.
 */
class ProbeGuestCloneTest {
  private static final int DISK_BYTES = 1 << 20;
  private static final int SECTORS = 16;
  private static final byte[] GENERATION = HexFormat.of().parseHex("c0ffee".repeat(5) + "01");
  private static final int NAME_BYTES_MAX = 64;
  private static final int METADATA_BYTES_MAX = 2048;
  private static final long TIMEOUT_SECONDS = 120;

  @TempDir Path directory;

  private Process qemu;
  private BufferedReader console;
  private OutputStream input;
  private final List<String> lines = new ArrayList<>();

  @BeforeEach
  void startGuest() throws IOException {
    Tools.assumeProgram("qemu-system-x86_64");
    Path guest = Files.write(directory.resolve("guest.elf"), Tools.resource("probe-guest.elf"));
    Files.write(disk(), new byte[DISK_BYTES]);
    qemu =
        new ProcessBuilder(
                command(guest, "cpus=2 mem.bytes=64K basepoint.sector=3 probe=mem,ready,shell"))
            .redirectError(directory.resolve("errors").toFile())
            .start();
    console = qemu.inputReader(StandardCharsets.UTF_8);
    input = qemu.getOutputStream();
    // A guest that says nothing any more ends the console, and with it the test.
    CompletableFuture.delayedExecutor(TIMEOUT_SECONDS, TimeUnit.SECONDS)
        .execute(qemu::destroyForcibly);
  }

  @AfterEach
  void stopGuest() {
    if (qemu != null) {
      qemu.destroyForcibly();
    }
  }

  @Test
  void reportsThatItIsCloneAndDoesWhatItsMetadataAsks() throws Exception {
    awaitEvent("shell");
    become("klon-\u00fc", 7, "write-pattern=5,8," + SECTORS + " rng-stream=3\thold color=blue\n");

    JsonNode clone = awaitEvent("clone");
    assertEquals("klon-\u00fc", clone.get("name").asText());
    assertEquals(7, clone.get("number").asInt());
    assertEquals(HexFormat.of().formatHex(GENERATION), clone.get("generation").asText());
    assertTrue(clone.get("metadata").asText().endsWith("hold color=blue\n"), clone::toString);
    JsonNode rng = awaitEvent("clone_rng");
    assertFalse(rng.get("in_flight").asBoolean());
    assertNotEquals("0".repeat(64), rng.get("first32").asText());
    assertTrue(awaitEvent("clone_blk").get("as_before").asBoolean());
    assertTrue(awaitEvent("clone_net").get("answered").asBoolean());
    JsonNode memory = awaitEvent("clone_mem");
    assertEquals(16, memory.get("pages").asInt());
    assertEquals(0, memory.get("mismatched_pages").asInt());
    assertEquals(2, awaitEvent("clone_smp").get("correct").asInt());
    assertEquals(8 * 4096, awaitEvent("mem").get("bytes").asInt());
    JsonNode blk = awaitEvent("blk");
    assertEquals(SECTORS, blk.get("sectors").asInt());
    byte[] written = Arrays.copyOf(Files.readAllBytes(disk()), SECTORS * 512);
    assertEquals(sha256(written), blk.get("sha256").asText());
    for (int i = 0; i < 3; i++) {
      assertEquals(i, awaitEvent("rng_draw").get("index").asInt());
    }
    assertTrue(awaitEvent("pages").get("pages_written").asInt() >= 8);

    awaitEvent("shell");
    type("mem_verify");
    JsonNode verified = awaitEvent("mem");
    assertEquals("verify", verified.get("operation").asText());
    assertEquals(0, verified.get("mismatched_pages").asInt());
    type("poweroff");
    assertTrue(qemu.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS), lines::toString);
    assertTrue(lines.stream().noneMatch(line -> line.contains("FAILED")), lines::toString);
  }

  @Test
  void runsTheStepsOfItsMetadataAndEnds() throws Exception {
    awaitEvent("shell");
    become("", 1, "probe=rng,mem_verify rng.bytes=48 color=red");

    awaitEvent("clone");
    awaitEvent("clone_smp");
    assertEquals(48, awaitEvent("rng").get("bytes").asInt());
    JsonNode memory = awaitEvent("mem");
    assertEquals(64 << 10, memory.get("bytes").asInt());
    assertEquals(0, memory.get("mismatched_pages").asInt());
    assertEquals(0, awaitEvent("done").get("failures").asInt());
    assertTrue(qemu.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS), lines::toString);
  }

  /** Changes the identity page and wakes the guest, which then sees it. */
  private void become(String name, long number, String metadata) throws IOException {
    ByteBuffer page =
        ByteBuffer.allocate(96 + METADATA_BYTES_MAX).order(ByteOrder.LITTLE_ENDIAN).put(GENERATION);
    byte[] nameBytes = name.getBytes(StandardCharsets.UTF_8);
    byte[] metadataBytes = metadata.getBytes(StandardCharsets.UTF_8);
    page.putLong(number).putInt(nameBytes.length).putInt(metadataBytes.length);
    page.put(Arrays.copyOf(nameBytes, NAME_BYTES_MAX)).put(metadataBytes);
    QemuMemory.write(directory.resolve("debug"), 0, page.array());
    type("");
  }

  private void type(String command) throws IOException {
    input.write((command + "\n").getBytes(StandardCharsets.US_ASCII));
    input.flush();
  }

  private JsonNode awaitEvent(String name) throws IOException {
    for (String line = console.readLine(); line != null; line = console.readLine()) {
      lines.add(line);
      if (line.startsWith("@probe ")) {
        JsonNode event = new ObjectMapper().readTree(line.substring("@probe ".length()));
        if (event.get("event").asText().equals(name)) {
          return event;
        }
      }
    }
    return fail("no event " + name + ":\n" + String.join("\n", lines));
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  private Path disk() {
    return directory.resolve("disk.img");
  }

  private List<String> command(Path guest, String options) {
    List<String> command = new ArrayList<>(ProbeGuestQemuTest.qemu("tcg", guest, disk(), options));
    command.addAll(
        List.of(
            "-device",
            "isa-debug-exit,iobase=0x614,iosize=4",
            "-gdb",
            "unix:" + directory.resolve("debug") + ",server=on,wait=off"));
    return command;
  }
}
