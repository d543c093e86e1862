package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Templates of the probe guest, as a user makes and keeps them. */
class BasepointTest {
  private static final String READY = "probe=rng,blk blk.sectors=64 ready=doorbell";
  private static final String NEVER_READY = "probe=shell";

  @TempDir private Path directory;
  private Path state;
  private Path image;

  @BeforeAll
  static void requirements() throws Exception {
    Requirements.vm();
  }

  @BeforeEach
  void makeImage() throws Exception {
    state = directory.resolve("state");
    image = directory.resolve("base.img");
    byte[] content = new byte[1 << 20];
    new Random(7).nextBytes(content);
    Files.write(image, content);
  }

  private String manifest(String commandLine, String more) throws Exception {
    Path file = directory.resolve("vm.yaml");
    Files.writeString(
        file,
        """
        version: 1
        name: probe
        memory: 64MiB
        console: none
        cmdline: %s
        devices:
          - {type: blk, image: base.img}
          - {type: blk, scratch: 4MiB}
          - {type: net, backend: {type: echo}}
          - {type: rng}
        %s
        """
            .formatted(commandLine, more));
    return file.toString();
  }

  private Launcher basepoint(String... arguments) throws Exception {
    return Launcher.run(arguments(arguments));
  }

  private String[] arguments(String... arguments) {
    List<String> all = new ArrayList<>(List.of("basepoint"));
    all.addAll(List.of(arguments));
    all.addAll(List.of("--state", state.toString()));
    return all.toArray(String[]::new);
  }

  private void ends(int exitCode, String... arguments) throws Exception {
    try (Launcher launcher = basepoint(arguments)) {
      assertEquals(exitCode, launcher.awaitExit(), launcher::output);
    }
  }

  private JsonNode json(String... arguments) throws Exception {
    String[] all = Stream.concat(Stream.of(arguments), Stream.of("--json")).toArray(String[]::new);
    try (Launcher launcher = basepoint(all)) {
      assertEquals(0, launcher.awaitExit(), launcher::output);
      return launcher.json();
    }
  }

  private String problem() throws Exception {
    JsonNode problem = json("list").get("templates").get(0).get("problem");
    return problem == null ? "" : problem.asText();
  }

  private List<String> kept() throws Exception {
    Path templates = state.resolve("templates");
    if (!Files.exists(templates)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(templates)) {
      return entries
          .map(path -> path.getFileName().toString())
          .filter(name -> !name.equals(".lock"))
          .sorted()
          .toList();
    }
  }

  @Test
  void aVmIsKeptAtItsDoorbell() throws Exception {
    byte[] before = Files.readAllBytes(image);
    JsonNode made = json("create", manifest(READY, ""), "--name", "one");
    assertEquals(64 << 20, made.get("memory_bytes").asLong());
    assertTrue(made.get("ram_bytes").asLong() > 0, made::toString);
    assertTrue(made.get("disk_bytes").asLong() < 16 << 20, made::toString);
    assertArrayEquals(before, Files.readAllBytes(image), "the base image is only read");
    assertEquals(List.of("one"), kept());
    assertEquals("", problem());

    JsonNode inspected = json("inspect", "one");
    assertEquals("template", inspected.get("kind").asText());
    assertEquals(4, inspected.get("devices").size());
    assertEquals(image.toString(), inspected.at("/disks/0/image").asText());
    assertEquals(
        "disk-blk1.base", inspected.at("/disks/1/file").asText(), inspected::toPrettyString);
    assertTrue(json("verify", "one").get("valid").asBoolean());

    ends(84, "create", manifest(READY, ""), "--name", "one");
    JsonNode again = json("remake", "one");
    assertFalse(again.get("created").asText().equals(made.get("created").asText()));
    assertEquals(List.of("one"), kept());
    ends(0, "remove", "one");
    assertEquals(List.of(), kept());
    assertEquals(0, json("list").get("templates").size());
  }

  @Test
  void aVmIsKeptWhereItsConsoleSaysSo() throws Exception {
    String manifest =
        manifest("probe=rng,shell", "basepoint: {ready: console, pattern: 'event\":\"rng'}");
    assertEquals("probe", json("create", manifest).get("name").asText());
    ends(0, "create", manifest(NEVER_READY, ""), "--ready-when", "\\$ *$|shell", "--replace");
    assertEquals(List.of("probe"), kept());
    ends(2, "create", manifest, "--ready-when", "(");
  }

  @Test
  void whatDoesNotFitIsRefused() throws Exception {
    ends(83, "verify", "none");
    ends(83, "inspect", "none");
    ends(83, "remove", "none");
    ends(0, "create", manifest(READY, ""), "--name", "one");
    Path template = state.resolve("templates").resolve("one");

    if (System.getProperty("user.name").equals("root")) {
      ends(77, "remove", "one", "--tenant", "somebody");
      ends(77, "create", manifest(READY, ""), "--name", "one", "--replace", "--tenant", "other");
    }

    try (RandomAccessFile ram = new RandomAccessFile(template.resolve("ram.bin").toFile(), "rw")) {
      ram.seek(ram.length() / 2);
      int original = ram.read();
      ram.seek(ram.length() / 2);
      ram.write(original ^ 1);
      ends(89, "verify", "one");
      ram.seek(ram.length() / 2);
      ram.write(original);
      ends(0, "verify", "one");
    }

    Path description = template.resolve("template.json");
    String text = Files.readString(description);
    redescribe(description, text.replace("\"features\":[", "\"features\":[\"zzz\","));
    assertEquals("foreign", problem());
    ends(90, "verify", "one");
    redescribe(description, text.replace("\"format\":1", "\"format\":2"));
    assertEquals("newer", problem());
    ends(90, "verify", "one");
    Files.writeString(description, text + " ");
    assertEquals("damaged", problem());
    redescribe(description, text);
    assertEquals("", problem());

    byte[] content = Files.readAllBytes(image);
    content[100]++;
    Files.write(image, content);
    assertEquals("base-changed", problem());
    ends(90, "verify", "one");

    ends(65, "create", manifest(READY, "basepoint: {ready: console}"));
    ends(75, "create", manifest(READY, "basepoint: {ready: command}"));
    ends(75, "create", manifest(NEVER_READY, "basepoint: {timeout: 1s}"), "--name", "two");
    assertEquals(List.of("one"), kept());
  }

  /** Changes a description as only its maker could: with the right checksum. */
  private static void redescribe(Path description, String text) throws Exception {
    Files.writeString(description, text);
    byte[] hash =
        MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    Files.writeString(
        description.resolveSibling("template.json.sha256"),
        HexFormat.of().formatHex(hash) + "  template.json\n");
  }

  @Test
  void aMakerThatIsKilledOrStoppedLeavesNothing() throws Exception {
    String waits = "basepoint: {timeout: 10m}";
    try (Launcher maker = Launcher.start(arguments("create", manifest(NEVER_READY, waits)))) {
      maker.awaitLine(line -> line.startsWith("waiting until the guest of probe is ready"));
      assertEquals(List.of(".new-probe"), kept());
      ends(85, "create", manifest(READY, ""));
      List<ProcessHandle> children =
          maker.children().stream().flatMap(pid -> ProcessHandle.of(pid).stream()).toList();
      assertEquals(5, children.size());
      maker.kill();
      for (ProcessHandle child : children) {
        child.onExit().get(60, TimeUnit.SECONDS);
      }
    }
    try (Launcher maker = Launcher.start(arguments("create", manifest(NEVER_READY, waits)))) {
      maker.awaitLine(line -> line.startsWith("waiting until the guest of probe is ready"));
      maker.interrupt();
      assertEquals(130, maker.awaitExit(), maker::output);
    }
    assertEquals(List.of(), kept());
  }

  @Test
  void aFullDiskIsSaidSoAndLeavesNothing() throws Exception {
    Requirements.root();
    Requirements.program("unshare");
    Files.createDirectories(state);
    List<String> create =
        Launcher.command(List.of(), arguments("create", manifest(READY, ""), "--name", "one"));
    // The guest's disk fits, its memory does not.
    String script =
        "mount -t tmpfs -o size=96k,mode=700 tmpfs \"$0\" || exit 99; \"$@\"; code=$?;"
            + " ls -A \"$0/templates\"; exit $code";
    List<String> command =
        new ArrayList<>(List.of("unshare", "--mount", "--propagation", "private", "sh", "-c"));
    command.add(script);
    command.add(state.toString());
    command.addAll(create);
    Command result = Command.run(command.toArray(String[]::new));
    assertEquals(74, result.exitCode(), result.output());
    assertTrue(result.output().contains("no room for one"), result.output());
    assertEquals(".lock", result.output().strip().lines().toList().getLast(), result.output());
  }
}
