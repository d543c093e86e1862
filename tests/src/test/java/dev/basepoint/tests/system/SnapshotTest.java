package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots of running VMs, and what is restored from them. */
class SnapshotTest {
  private static final byte ESCAPE = 0x1d;
  private static final int SECTORS = 64;

  @TempDir private Path directory;

  private Launcher daemon;
  private int asked;

  @BeforeEach
  void startVm() throws Exception {
    Requirements.vm();
    Path image = directory.resolve("disk.img");
    Path manifest = directory.resolve("origin.yaml");
    Files.writeString(
        manifest,
        """
        version: 1
        name: origin
        memory: 64MiB
        cmdline: probe=mem,shell
        devices:
          - type: blk
            image: %s
            size: 1MiB
          - type: blk
            name: scratch
            scratch: 1MiB
          - type: net
            backend: {type: echo}
          - type: rng
        """
            .formatted(image));
    daemon = serve();
    vmm(0, "start", manifest.toString());
  }

  private Launcher serve() throws Exception {
    Launcher started = Launcher.start("serve", "--state", state());
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

  private String[] withState(String... arguments) {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("--state", state()));
    return all.toArray(String[]::new);
  }

  private Launcher vmm(int exitCode, String... arguments) throws Exception {
    Launcher command = Launcher.run(withState(arguments));
    assertEquals(exitCode, command.awaitExit(), command::output);
    return command;
  }

  /** Runs a step in a VM's shell and returns its events of one kind. */
  private List<JsonNode> steps(String vm, String event, String command) throws Exception {
    try (Launcher console = Launcher.start(withState("console", vm))) {
      console.awaitLine(line -> line.contains("attached to VM " + vm));
      // The console shows some of the past first; what follows the answer to this is new.
      String unknown = "unknown" + asked++;
      console.type(unknown);
      console.awaitLine(line -> line.contains("\"command\":\"" + unknown + "\""));
      console.type(command);
      List<JsonNode> events = new ArrayList<>();
      JsonNode last;
      do {
        String line = console.awaitLine(text -> text.startsWith("@probe "));
        last = new ObjectMapper().readTree(line.substring("@probe ".length()));
        if (last.get("event").asText().equals(event)) {
          events.add(last);
        }
      } while (!last.get("event").asText().equals("command"));
      console.press(ESCAPE);
      assertEquals(0, console.awaitExit(), console::output);
      return events;
    }
  }

  private JsonNode step(String vm, String event, String command) throws Exception {
    List<JsonNode> events = steps(vm, event, command);
    assertEquals(1, events.size(), events::toString);
    return events.getFirst();
  }

  private static String write(int seed) {
    return "blk blk.ops=out,flush,in blk.seed=" + seed + " blk.sectors=" + SECTORS;
  }

  private static String check(int seed) {
    return "blk blk.ops=in,verify blk.seed=" + seed + " blk.sectors=" + SECTORS;
  }

  private void writeDisks(String vm, int seed) throws Exception {
    assertDisks(steps(vm, "blk", write(seed)));
  }

  private void assertHasDisks(String vm, int seed) throws Exception {
    assertDisks(steps(vm, "blk", check(seed)));
  }

  private static void assertDisks(List<JsonNode> disks) {
    assertEquals(2, disks.size(), disks::toString);
    for (JsonNode disk : disks) {
      assertEquals(0, disk.get("mismatched_sectors").asInt(), disks::toString);
      assertEquals(0, disk.get("errors").asInt(), disks::toString);
    }
  }

  @Test
  void restoredVmGoesOnWhereTheOriginStood() throws Exception {
    writeDisks("origin", 5);
    JsonNode kept = vmm(0, "snapshot", "origin", "--as", "kept", "--json").json();
    assertEquals("snapshot", kept.get("kind").asText());
    assertTrue(kept.get("ram_bytes").asLong() > 1 << 20, kept::toString);
    // The origin goes on, and changes what the snapshot must not see.
    writeDisks("origin", 6);
    assertHasDisks("origin", 6);
    vmm(84, "snapshot", "origin", "--as", "kept");
    vmm(83, "snapshot", "nobody");
    vmm(84, "restore", "kept", "--name", "origin");
    vmm(83, "restore", "unknown");

    // A snapshot outlives VM and daemon.
    daemon.kill();
    daemon.close();
    daemon = serve();
    assertEquals(
        "kept", vmm(0, "snapshots", "list", "--json").json().at("/snapshots/0/name").asText());
    vmm(0, "snapshots", "verify", "kept");
    JsonNode restored = vmm(0, "restore", "kept", "--name", "second", "--json").json();
    assertEquals("restore of kept", restored.get("origin").asText());
    JsonNode memory = step("second", "mem", "mem_verify");
    assertEquals(0, memory.get("mismatched_pages").asInt(), memory::toString);
    assertHasDisks("second", 5);
    JsonNode net = step("second", "net", "net");
    assertEquals(net.get("sent").asInt(), net.get("answered").asInt(), net::toString);

    // What is restored can be kept again, and twice the same random bytes come from nowhere.
    writeDisks("second", 7);
    vmm(0, "pause", "second");
    vmm(0, "snapshot", "second", "--as", "again");
    assertEquals("paused", vmm(0, "inspect", "second", "--json").json().get("state").asText());
    vmm(0, "resume", "second");
    vmm(0, "restore", "again", "--name", "third");
    assertHasDisks("third", 7);
    assertNotEquals(
        step("second", "rng", "rng").get("first32"), step("third", "rng", "rng").get("first32"));
    vmm(0, "snapshots", "remove", "kept");
    vmm(83, "restore", "kept");
    assertHasDisks("second", 7);
  }

  @Test
  void damagedSnapshotIsRefused() throws Exception {
    vmm(0, "snapshot", "origin");
    Path ram = directory.resolve("state/snapshots/origin/ram.bin");
    try (FileChannel file =
        FileChannel.open(ram, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      ByteBuffer one = ByteBuffer.allocate(1);
      file.read(one, 0x100000);
      file.write(ByteBuffer.wrap(new byte[] {(byte) (one.get(0) + 1)}), 0x100000);
    }
    Launcher refused = vmm(89, "restore", "origin", "--name", "copy");
    assertTrue(refused.output().contains("ram.bin"), refused::output);
    vmm(89, "snapshots", "verify", "origin");
    assertEquals(1, vmm(0, "ps", "--json").json().get("vms").size());
  }

  @Test
  void snapshotCanBeATemplate() throws Exception {
    writeDisks("origin", 9);
    vmm(0, "snapshot", "origin", "--template", "--as", "base");
    for (String name : List.of("one", "two")) {
      vmm(0, "fork", "base", "--name", name);
    }
    assertHasDisks("one", 9);
    writeDisks("one", 1);
    assertHasDisks("two", 9);
    assertHasDisks("one", 1);
  }
}
