package dev.basepoint.launcher.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.basepoint.launcher.manifest.HostFacts;
import dev.basepoint.launcher.output.Terminal;
import dev.basepoint.sandbox.policy.Role;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What {@code vmm-launch sandbox} prints about policies, shipped and the user's own. */
final class SandboxCommandTest {
  private static final String COMPLETE =
      """
      role mine -- a test
      include jvm-base -- the process is a JVM
      namespace pid -- alone
      uid 300000..300009 -- its own
      capability none -- needs none
      landlock jvm-only -- no files
      limit nofile 64 -- enough
      cgroup pids.max 64 -- enough
      fd std null 3 -- the three
      """;

  @TempDir private Path directory;

  private record Ended(int exitCode, String out, String err) {
    JsonNode json() throws Exception {
      assertEquals(1, out.lines().count(), out);
      return new ObjectMapper().readTree(out);
    }
  }

  private static Ended run(String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Terminal terminal =
        Terminal.of(
            new PrintStream(out, false, StandardCharsets.UTF_8),
            new PrintStream(err, false, StandardCharsets.UTF_8),
            false,
            Map.of());
    CliContext context =
        new CliContext(
            terminal,
            () -> {
              throw new AssertionError("runs no VM");
            },
            () -> new HostFacts(1, 1L << 30, 1L << 30),
            0,
            0);
    int exitCode = new Cli(context).execute(args);
    return new Ended(
        exitCode, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  private String policy(String name, String text) throws Exception {
    return Files.writeString(directory.resolve(name), text).toString();
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void showsEveryRole(Role role) throws Exception {
    Ended text = run("sandbox", "show", role.id());
    assertEquals(0, text.exitCode, text.err);
    assertTrue(text.out.startsWith(role.id() + ": "), text.out);
    JsonNode json = run("sandbox", "show", role.id(), "--json").json();
    assertEquals(role.id(), json.at("/role").asText());
    for (JsonNode rule : json.at("/syscalls")) {
      assertTrue(text.out.contains("[" + rule.at("/where").asText() + "]"), rule.toString());
      assertFalse(rule.at("/reason").asText().isEmpty(), rule.toString());
    }
  }

  @Test
  void explainsWhatIsAllowed() throws Exception {
    Ended text = run("sandbox", "explain", "blk", "preadv");
    assertEquals(0, text.exitCode, text.err);
    assertTrue(text.out.startsWith("blk may call preadv("), text.out);
    assertTrue(text.out.contains("where: blk-image.policy:"), text.out);
    JsonNode json = run("sandbox", "explain", "rng", "getrandom", "--json").json();
    assertTrue(json.at("/permitted").asBoolean());
    assertEquals("getrandom", json.at("/rules/0/syscall").asText());
    assertEquals("flags == 0", json.at("/rules/0/when").asText());
  }

  @Test
  void explainsWhatIsForbidden() throws Exception {
    Ended text = run("sandbox", "explain", "net", "openat");
    assertEquals(0, text.exitCode, text.err);
    assertEquals("net may not call openat: no line of its policy allows it\n", text.out);
    JsonNode json = run("sandbox", "explain", "net", "openat", "--json").json();
    assertFalse(json.at("/permitted").asBoolean());
    assertEquals(0, json.at("/rules").size());
  }

  @ParameterizedTest
  @CsvSource({
    "show vmm_main,            unknown role vmm_main; did you mean vmm-main?",
    "show everything,          'unknown role everything; there are: vmm-main, blk, net, rng,"
        + " blk-vhost-user, net-vhost-user, rng-vhost-user'",
    "check rgn,                unknown role rgn; did you mean rng?",
    "explain bkl read,         unknown role bkl; did you mean blk?",
    "explain blk opneat,       x86-64 has no system call opneat; did you mean openat?",
    "explain blk,              the argument SYSCALL is missing",
    "check blk --file x,       --file takes the role from the file's first line; leave out blk",
    "chek,                     unknown command chek; did you mean check?"
  })
  void refusesWhatItDoesNotKnow(String words, String message) {
    Ended ended = run(("sandbox " + words).split(" +", -1));
    assertEquals(2, ended.exitCode);
    assertEquals("vmm-launch: " + message, ended.err.lines().findFirst().orElseThrow());
    assertEquals("", ended.out);
  }

  @Test
  void shippedPoliciesAreClean() throws Exception {
    Ended text = run("sandbox", "check");
    assertEquals(0, text.exitCode, text.out + text.err);
    for (Role role : Role.values()) {
      assertTrue(text.out.contains("\n" + role.id() + " "), text.out);
    }
    JsonNode json = run("sandbox", "check", "--json").json();
    assertTrue(json.at("/clean").asBoolean());
    assertEquals(Role.values().length, json.at("/policies").size());
    for (JsonNode policy : json.at("/policies")) {
      assertTrue(policy.at("/permitted_replays").asInt() > 0, policy.toString());
      assertTrue(policy.at("/forbidden_replays").asInt() > 300, policy.toString());
    }
    JsonNode one = run("sandbox", "check", "net", "--json").json();
    assertEquals("net", one.at("/policies/0/role").asText());
    assertEquals(1, one.at("/policies").size());
  }

  @Test
  void checksAFileOfTheUser() throws Exception {
    String file = policy("mine.policy", COMPLETE);
    Ended ended = run("sandbox", "check", "--file", file, "--json");
    assertEquals(0, ended.exitCode, ended.out + ended.err);
    assertEquals("mine", ended.json().at("/policies/0/role").asText());
  }

  @Test
  void redundantRuleFailsTheCheck() throws Exception {
    String file =
        policy("mine.policy", COMPLETE + "allow clone when newsp == 0 and tls == 0 -- x\n");
    policy(
        "jvm-base.policy",
        "fragment jvm-base -- beside the file\nallow clone when newsp == 0 -- y\n");
    Ended ended = run("sandbox", "check", "--file", file);
    assertEquals(65, ended.exitCode, ended.out + ended.err);
    assertTrue(ended.out.contains("redundant in mine: mine.policy:10: "), ended.out);
    assertTrue(ended.out.contains("is covered by jvm-base.policy:2"), ended.out);
    JsonNode json = run("sandbox", "check", "--file", file, "--json").json();
    assertFalse(json.at("/clean").asBoolean());
    assertFalse(json.at("/policies/0/redundant").isEmpty());
  }

  @Test
  void ruleThatCanNeverHoldFailsTheCheck() throws Exception {
    String file =
        policy("mine.policy", COMPLETE + "allow kill when pid == self and pid == 5 -- x\n");
    Ended ended = run("sandbox", "check", "--file", file);
    assertEquals(65, ended.exitCode, ended.out + ended.err);
    assertTrue(ended.out.contains("failure in mine: mine.policy:10: 'kill when "), ended.out);
    assertTrue(ended.out.contains("can never hold"), ended.out);
  }

  @ParameterizedTest
  @CsvSource({
    "allow opneat -- why,                   unknown system call 'opneat'; did you mean 'openat'?",
    "allow dup when #9 == 1 -- why,         #9",
    "landlock jvm-only -- twice,            duplicate: 'landlock' stands at mine.policy:6",
    "answer getpid EPERM -- a | allow getpid -- b,  contradictory: 'getpid'",
    "allow getpid,                          the reason is missing",
    "limit cpu 9999999999G -- big,          is no number",
    "include nothing -- why,                there is no fragment file nothing.policy"
  })
  void refusesBadFilesWithFileLineAndReason(String lines, String reason) throws Exception {
    String file = policy("mine.policy", COMPLETE + lines.replace(" | ", "\n") + "\n");
    int line = lines.contains(" | ") ? 11 : 10;
    Ended ended = run("sandbox", "check", "--file", file);
    assertEquals(65, ended.exitCode, ended.out + ended.err);
    assertTrue(ended.err.startsWith(file + ":" + line + ": "), ended.err);
    assertTrue(ended.err.contains(reason), ended.err);
    JsonNode problem = run("sandbox", "check", "--json", "--file", file).json().at("/problems/0");
    assertEquals(file, problem.at("/file").asText());
    assertEquals(line, problem.at("/line").asInt());
    assertTrue(problem.at("/reason").asText().contains(reason), problem.toString());
  }

  @Test
  void refusesFilesThatAreNoText() throws Exception {
    Ended missing = run("sandbox", "check", "--file", directory.resolve("no.policy").toString());
    assertEquals(66, missing.exitCode);
    assertTrue(missing.err.contains("there is no file"), missing.err);
    Path binary = Files.write(directory.resolve("bin.policy"), new byte[] {(byte) 0xff, 0});
    Ended refused = run("sandbox", "check", "--file", binary.toString());
    assertEquals(66, refused.exitCode);
    assertTrue(refused.err.contains("is not UTF-8 text"), refused.err);
  }
}
