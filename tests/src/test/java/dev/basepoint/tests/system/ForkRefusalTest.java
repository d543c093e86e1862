package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.basepoint.launcher.api.ApiRequest;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What cannot be forked, or not so, is one clear error with a code of its own. */
class ForkRefusalTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private static final int USAGE = 2;
  private static final int INPUT_INVALID = 65;
  private static final int INPUT_MISSING = 66;
  private static final int PERMISSION_DENIED = 77;
  private static final int NOT_FOUND = 83;
  private static final int NAME_TAKEN = 84;
  private static final int LIMIT_REACHED = 86;
  private static final int TEMPLATE_DAMAGED = 89;
  private static final int TEMPLATE_UNFIT = 90;

  @TempDir private static Path directory;

  private static ForkDaemon daemon;

  @BeforeAll
  static void makeTemplate() throws Exception {
    Requirements.vm();
    // Enough for one clone: 16 MiB and three processes of 48 MiB.
    daemon = ForkDaemon.start(directory, "--memory", "250MiB");
    daemon.create(
        "plain",
        """
        memory: 16MiB
        cmdline: probe=ready
        devices:
          - type: blk
            scratch: 1MiB
          - type: net
            backend: {type: echo}
        basepoint: {pool: 0}
        """);
  }

  @AfterAll
  static void end() {
    if (daemon != null) {
      daemon.close();
    }
  }

  /** A fork that must fail, and say so in one line that has every one of {@code words}. */
  private static void refused(int exitCode, List<String> arguments, String... words)
      throws Exception {
    List<String> command = new ArrayList<>(List.of("fork"));
    command.addAll(arguments);
    Launcher fork = daemon.command(exitCode, command.toArray(String[]::new));
    String error = fork.output().substring(fork.output().indexOf("--- stderr") + 11);
    assertEquals(1, error.strip().lines().count(), fork::output);
    for (String word : words) {
      assertTrue(error.contains(word), fork::output);
    }
    assertFalse(error.contains("Exception"), fork::output);
  }

  @Test
  void whoMayForkWhat() throws Exception {
    refused(NOT_FOUND, List.of("unheard-of"), "unheard-of", "plain");
    if (System.getProperty("user.name").equals("root")) {
      refused(PERMISSION_DENIED, List.of("plain", "--tenant", "other"), "plain", "tenant");
    }
  }

  @Test
  void overridesThatDoNotFit() throws Exception {
    Path small = Files.write(directory.resolve("small.img"), new byte[512 * 1024]);
    refused(
        INPUT_INVALID, List.of("plain", "--disk", "blk0=" + small), "blk0", "1048576", "524288");
    refused(INPUT_INVALID, List.of("plain", "--disk", "blk7=" + small), "blk7", "blk0");
    refused(INPUT_INVALID, List.of("plain", "--net", "blk0=none"), "blk0", "net0");
    refused(INPUT_INVALID, List.of("plain", "--net", "net0=pigeons"), "pigeons", "echo");
    refused(
        INPUT_MISSING,
        List.of("plain", "--disk", "blk0=" + directory.resolve("missing.img")),
        "missing.img");
    refused(USAGE, List.of("plain", "--metadata", "m".repeat(2049)), "2048");
    assertEquals(0, daemon.ask(new ApiRequest.ListVms(false)).get("vms").size());
  }

  @Test
  void namesAndMemoryThatAreTaken() throws Exception {
    daemon.command(0, "fork", "plain", "--name", "one", "--metadata", "hold");
    refused(NAME_TAKEN, List.of("plain", "--name", "one"), "one");
    refused(LIMIT_REACHED, List.of("plain", "--name", "two"), "two", "MiB", "--memory");
    daemon.command(0, "stop", "one");
    daemon.command(0, "fork", "plain", "--name", "two", "--metadata", "exit", "--wait");
    assertEquals(
        0,
        daemon
            .ask(new ApiRequest.ListVms(false))
            .get("daemon")
            .get("memory_reserved_bytes")
            .asLong());
  }

  @Test
  void templatesOfOtherMachinesAndVersions() throws Exception {
    craft("other-cpu", description -> ((ObjectNode) description.get("cpu")).put("model", 9999));
    refused(TEMPLATE_UNFIT, List.of("other-cpu"), "other-cpu", "model 9999");
    craft(
        "more-cpu",
        description ->
            ((com.fasterxml.jackson.databind.node.ArrayNode) description.get("cpu").get("features"))
                .add("teleport"));
    refused(TEMPLATE_UNFIT, List.of("more-cpu"), "teleport");
    craft("newer", description -> description.put("format", 1000));
    refused(TEMPLATE_UNFIT, List.of("newer"), "newer", "1000");
    craft("larger", description -> description.put("memoryBytes", 32 << 20));
    refused(TEMPLATE_DAMAGED, List.of("larger"), "larger", "ram.bin");
  }

  @Test
  void damagedTemplates() throws Exception {
    for (String file : List.of("ram.bin", "state.bin", "template.json", "manifest.yaml")) {
      String name = "damaged-" + file.replaceAll("\\..*", "");
      craft(name, _ -> {});
      try (RandomAccessFile content =
          new RandomAccessFile(daemon.template(name).resolve(file).toFile(), "rw")) {
        content.seek(content.length() / 2);
        int before = content.read();
        content.seek(content.length() / 2);
        content.write(before ^ 1);
      }
      refused(TEMPLATE_DAMAGED, List.of(name), name, file);
    }
    craft("halved", _ -> {});
    Files.delete(daemon.template("halved").resolve("state.bin"));
    refused(TEMPLATE_DAMAGED, List.of("halved"), "halved", "state.bin");
    // None of it has hurt the daemon.
    daemon.command(0, "fork", "plain", "--metadata", "exit", "--wait");
  }

  /** Copies the template under another name, with another description, whose checksum is right. */
  private static void craft(String name, Consumer<ObjectNode> change) throws Exception {
    Path copy = Files.createDirectory(daemon.template(name));
    try (Stream<Path> files = Files.list(daemon.template("plain"))) {
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(file.getFileName()));
      }
    }
    Path file = copy.resolve("template.json");
    JsonNode description = MAPPER.readTree(Files.readAllBytes(file));
    ((ObjectNode) description).put("name", name);
    change.accept((ObjectNode) description);
    byte[] changed = MAPPER.writeValueAsBytes(description);
    Files.write(file, changed);
    String checksum =
        HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(changed));
    Files.write(
        copy.resolve("template.json.sha256"),
        (checksum + "  template.json\n").getBytes(StandardCharsets.UTF_8));
  }
}
