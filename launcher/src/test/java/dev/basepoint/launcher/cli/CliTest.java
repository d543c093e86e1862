package dev.basepoint.launcher.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.basepoint.launcher.group.SandboxLevel;
import dev.basepoint.launcher.manifest.HostFacts;
import dev.basepoint.launcher.output.Terminal;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What each command prints, where, and how it exits. */
final class CliTest {
  @TempDir private Path directory;

  private final List<RunRequest> requests = new ArrayList<>();
  private VmRunner runner = (request, observer) -> result(Outcome.POWERED_OFF);

  private record Ended(int exitCode, String out, String err) {
    JsonNode json() throws Exception {
      assertEquals(1, out.lines().count(), out);
      return new ObjectMapper().readTree(out);
    }
  }

  private Ended run(String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Terminal terminal =
        Terminal.of(
            new PrintStream(out, false, StandardCharsets.UTF_8),
            new PrintStream(err, false, StandardCharsets.UTF_8),
            false,
            Map.of());
    VmRunner recording =
        (request, observer) -> {
          requests.add(request);
          return runner.run(request, observer);
        };
    CliContext context =
        new CliContext(
            terminal, () -> recording, () -> new HostFacts(8, 8L << 30, 8L << 30), 1234, 2234);
    int exitCode = new Cli(context).execute(args);
    return new Ended(
        exitCode, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  private static RunResult result(Outcome outcome) {
    SequencedMap<String, Object> guest = new LinkedHashMap<>();
    guest.put("rng0", Map.of("bytes", 4096L, "text", "evil\u001b[2J"));
    SequencedMap<String, Object> more = new LinkedHashMap<>();
    more.put("sha256_on_host", "abc");
    return new RunResult(
        outcome,
        "because",
        guest,
        List.of(new RunResult.DeviceFacts("blk0", "blk", 7, 4096, 0, more)),
        List.of(new RunResult.ProcessFacts("vmm-main", "vm", 42, 7, "strict", 3, 1000, 2000)),
        List.of(
            new RunResult.Timing("launcher: manifest read", 1.5),
            new RunResult.Timing("launcher: stopped", 30.0)));
  }

  private String manifest(String text) throws Exception {
    Path file = directory.resolve("vm.yaml");
    Files.writeString(file, text);
    return file.toString();
  }

  @Test
  void runPrintsFactsForPeople() throws Exception {
    Ended ended = run("run", manifest("version: 1\n"));
    assertEquals(0, ended.exitCode, ended.err);
    assertTrue(
        ended.out.contains(
            "vmm-main  vm     42    7  strict            3         1000        2000"),
        ended.out);
    assertTrue(ended.out.contains("Outcome: powered off (because)"), ended.out);
    assertFalse(ended.out.contains("\u001b"), "guest text must not steer the terminal");
    assertTrue(requests.getFirst().guestOutputToStdout());
    assertTrue(requests.getFirst().showsReports());
    assertEquals(SandboxLevel.STRICT, requests.getFirst().sandbox());
    assertEquals(1234, requests.getFirst().commandStartEpochMicros());
  }

  @Test
  void sandboxLevelIsChosenOrRefused() throws Exception {
    assertEquals(0, run("demo", "--sandbox", "permissive").exitCode);
    assertEquals(SandboxLevel.PERMISSIVE, requests.getLast().sandbox());
    assertEquals(0, run("run", manifest("version: 1\n"), "--sandbox=off").exitCode);
    assertEquals(SandboxLevel.OFF, requests.getLast().sandbox());
    Ended refused = run("demo", "--sandbox", "none");
    assertEquals(2, refused.exitCode);
    assertTrue(refused.err.contains("strict, permissive, off"), refused.err);
    assertEquals(2, requests.size());
  }

  @Test
  void runPrintsFactsAsJson() throws Exception {
    Ended ended = run("run", "--json", manifest("version: 1\n"));
    JsonNode json = ended.json();
    assertEquals("powered-off", json.at("/outcome").asText());
    assertEquals(4096, json.at("/guest/rng0/bytes").asLong());
    assertEquals("blk0", json.at("/devices/0/name").asText());
    assertEquals(7, json.at("/devices/0/requests").asLong());
    assertEquals("abc", json.at("/devices/0/sha256_on_host").asText());
    assertEquals("vmm-main", json.at("/processes/0/role").asText());
    assertEquals(7, json.at("/processes/0/uid").asInt());
    assertEquals("strict", json.at("/processes/0/sandbox").asText());
    assertEquals(3, json.at("/processes/0/violations").asInt());
    assertEquals(1000, json.at("/processes/0/private_kib").asLong());
    assertEquals(2000, json.at("/processes/0/shared_kib").asLong());
    assertEquals(1.0, json.at("/timings/script.done").asDouble());
    assertEquals(30.0, json.at("/timings/launcher: stopped").asDouble());
    assertFalse(requests.getFirst().guestOutputToStdout());
  }

  @ParameterizedTest
  @EnumSource(Outcome.class)
  void outcomeDecidesExitCode(Outcome outcome) throws Exception {
    runner = (request, observer) -> result(outcome);
    assertEquals(outcome.exitCode().code(), run("run", manifest("version: 1\n")).exitCode);
    Ended json = run("demo", "--json");
    assertEquals(outcome.exitCode().code(), json.exitCode);
    assertEquals(outcome.exitCode().code(), json.json().at("/exit_code").asInt());
  }

  @Test
  void failureToRunIsOneSentence() throws Exception {
    runner =
        (request, observer) -> {
          throw new CommandException(ExitCode.PERMISSION_DENIED, "you may not open /dev/kvm");
        };
    Ended ended = run("run", manifest("version: 1\n"));
    assertEquals(77, ended.exitCode);
    assertEquals("vmm-launch: you may not open /dev/kvm\n", ended.err);
    assertEquals("", ended.out);
  }

  @Test
  void defectHasNoStackTrace() throws Exception {
    runner =
        (request, observer) -> {
          throw new IllegalStateException("oops");
        };
    Ended ended = run("run", manifest("version: 1\n"));
    assertEquals(70, ended.exitCode);
    assertFalse(ended.err.contains("\tat "), ended.err);
  }

  @Test
  void demoRunsTheExample() throws Exception {
    assertEquals(0, run("demo").exitCode);
    assertEquals(
        Files.readString(Path.of("..", "examples", "probe.yaml")), DemoCommand.manifestText());
    assertEquals("probe", requests.getFirst().vm().name());
    assertFalse(requests.getFirst().showsReports());
  }

  @Test
  void wrongManifestIsListed() throws Exception {
    String file = manifest("version: 1\nvcpus: 99\nmemroy: 3\n");
    for (String command : List.of("run", "validate")) {
      Ended ended = run(command, file);
      assertEquals(65, ended.exitCode);
      assertEquals(2, ended.err.lines().count(), ended.err);
      assertTrue(ended.err.startsWith(file + ":2:8: vcpus: "), ended.err);
    }
    assertTrue(requests.isEmpty());
    JsonNode json = run("validate", file, "--json").json();
    assertFalse(json.at("/valid").asBoolean());
    assertEquals(3, json.at("/problems/1/line").asInt());
    assertEquals("memroy", json.at("/problems/1/key").asText());
    assertEquals("did you mean memory?", json.at("/problems/1/hint").asText());
  }

  @Test
  void rightManifestIsNormalised() throws Exception {
    String file = manifest("version: 1\ndevices: [{type: rng}]\n");
    JsonNode json = run("validate", file, "--json").json();
    assertTrue(json.at("/valid").asBoolean());
    assertEquals("128MiB", json.at("/manifest/memory").asText());
    assertEquals("rng0", json.at("/manifest/devices/0/name").asText());
    Ended text = run("validate", file);
    assertEquals(
        "valid: " + file + " describes VM vm with 1 vCPU, 128MiB of memory and rng0\n", text.out);
  }

  @Test
  void schemaIsPrinted() throws Exception {
    Ended ended = run("validate", "--schema");
    assertEquals(0, ended.exitCode);
    assertTrue(new ObjectMapper().readTree(ended.out).has("$schema"));
  }

  @Test
  void missingFileIsNamed() {
    Ended ended = run("run", directory.resolve("none.yaml").toString());
    assertEquals(66, ended.exitCode);
    assertEquals(
        "vmm-launch: there is no file "
            + directory.resolve("none.yaml")
            + "; name a manifest that exists\n",
        ended.err);
    assertEquals(66, run("run", directory.toString()).exitCode);
  }

  @Test
  void wrongUseHasNearestChoice() {
    assertWrongUse("unknown command rnu; did you mean run?", "vmm-launch", "rnu");
    assertWrongUse(
        "unknown option --jsn; did you mean --json?", "vmm-launch run", "run", "--jsn", "x");
    assertWrongUse("the argument MANIFEST is missing", "vmm-launch run", "run");
    assertWrongUse("unexpected argument y", "vmm-launch run", "run", "x", "y");
    assertWrongUse("a command is missing", "vmm-launch");
    assertWrongUse("option --json takes no value", "vmm-launch demo", "demo", "--json=1");
    assertEquals(2, run("validate").exitCode);
  }

  private void assertWrongUse(String message, String command, String... args) {
    Ended ended = run(args);
    assertEquals(2, ended.exitCode);
    assertEquals("vmm-launch: " + message + "\nSee: " + command + " --help\n", ended.err);
    assertEquals("", ended.out);
  }

  @Test
  void helpNamesEveryCommandAndExitCode() {
    Ended ended = run("--help");
    assertEquals(0, ended.exitCode);
    for (String command :
        List.of("demo", "run", "validate", "doctor", "sandbox", "version", "completion", "help")) {
      assertTrue(ended.out.contains("\n  " + command + " "), command);
      Ended own = run(command, "--help");
      assertEquals(0, own.exitCode, own.err);
      assertTrue(own.out.startsWith("Usage: vmm-launch " + command), own.out);
      assertEquals(own.out, run("help", command).out);
    }
    for (ExitCode code : ExitCode.values()) {
      assertTrue(ended.out.contains(code.code() + "  " + code.meaning()), code.name());
    }
    assertEquals(ended.out, run("help").out);
    assertTrue(ended.out.lines().allMatch(line -> line.length() <= 100), ended.out);
  }

  @Test
  void readmeHasTheSameExitCodes() throws Exception {
    String readme = Files.readString(Path.of("..", "README.md"));
    for (ExitCode code : ExitCode.values()) {
      assertTrue(readme.contains("| " + code.code() + " | " + code.meaning() + " |"), code.name());
    }
  }

  @Test
  void versionIsPrinted() throws Exception {
    assertTrue(run("--version").out.matches("vmm-launch [0-9].*\n"));
    assertTrue(run("version").out.startsWith("vmm-launch "));
    assertTrue(run("version", "--json").json().at("/version").asText().matches("[0-9].*"));
  }

  @Test
  void doctorHasVerdicts() throws Exception {
    Ended ended = run("doctor", "--json");
    JsonNode json = ended.json();
    assertEquals(json.at("/usable").asBoolean() ? 0 : 69, ended.exitCode);
    assertTrue(json.at("/findings").size() > 20);
    for (JsonNode finding : json.at("/findings")) {
      String verdict = finding.at("/verdict").asText();
      assertTrue(List.of("ok", "degraded", "missing").contains(verdict), verdict);
      assertEquals(verdict.equals("ok"), finding.at("/advice").asText().isEmpty());
    }
    Ended text = run("doctor");
    assertEquals(ended.exitCode, text.exitCode);
    assertTrue(text.out.startsWith("area "), text.out);
  }

  @Test
  void startupTrainingIsSilent() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream stream = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    StartupTraining.run(
        new CliContext(
            Terminal.of(stream, stream, false, Map.of()),
            () -> runner,
            () -> new HostFacts(1, 1L << 30, 1L << 30),
            0,
            0),
        false);
    assertEquals("", bytes.toString(StandardCharsets.UTF_8));
    assertTrue(requests.isEmpty());
  }
}
