package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.basepoint.tests.escape.Intruder;
import dev.basepoint.tests.escape.Victim;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the user sees when a process leaves its sandbox: a real one, taken over by an intruder. */
class ViolationTest {
  private static final int SANDBOX_VIOLATION = 82;

  @TempDir private Path directory;

  private IntruderJars jars;
  private String manifest;

  @BeforeEach
  void makeJars() throws Exception {
    Requirements.vm();
    Requirements.root();
    jars = IntruderJars.make(directory);
    manifest =
        Files.writeString(
                directory.resolve("watched.yaml"),
                """
                version: 1
                name: watched
                memory: 64MiB
                cmdline: probe=shell
                devices:
                  - type: rng
                    name: dice
                """)
            .toString();
  }

  private Launcher start(String level) throws Exception {
    Launcher run = Launcher.start(jars.properties(), "run", manifest, "--json", "--sandbox", level);
    run.awaitEvent("shell");
    return run;
  }

  private static JsonNode process(Launcher run, String role) throws Exception {
    for (JsonNode process : run.json().get("processes")) {
      if (process.get("role").asText().equals(role)) {
        return process;
      }
    }
    throw new AssertionError("no process of role " + role + ":\n" + run.output());
  }

  @Test
  void strictEndsTheRunWithRoleVmCallAndPolicyLine() throws Exception {
    try (Launcher run = start("strict")) {
      jars.order(Victim.RNG, run.pid(), List.of("keep-capabilities"));
      String report = run.awaitLine(line -> line.contains("violated its sandbox"));
      assertTrue(
          report.matches(
              ".*device-server-rng of dice in VM watched violated its sandbox:"
                  + " prctl\\(option=8, .*\\): not with these arguments; jvm-base\\.policy:\\d+"
                  + " allows it when option == PR_SET_NAME.*"),
          report);
      run.awaitLine(line -> line.contains("dice") && line.contains("ended with signal 9"));
      run.type("poweroff");
      assertEquals(SANDBOX_VIOLATION, run.awaitExit(), run::output);
      assertEquals("sandbox-violation", run.json().get("outcome").asText());
      assertEquals(SANDBOX_VIOLATION, run.json().get("exit_code").asInt());
      assertTrue(run.json().get("detail").asText().contains("prctl(option=8"), run::output);
      assertEquals(1, process(run, "rng").get("violations").asInt());
      assertEquals(0, process(run, "vmm-main").get("violations").asInt());
    }
  }

  @Test
  void takenOverVmmMainEndsTheRunAtOnce() throws Exception {
    try (Launcher run = start("strict")) {
      jars.order(Victim.VMM_MAIN, run.pid(), List.of("open-dev-kvm"));
      assertEquals(SANDBOX_VIOLATION, run.awaitExit(), run::output);
      String detail = run.json().get("detail").asText();
      assertTrue(detail.contains("vmm-main of watched in VM watched"), detail);
      assertTrue(detail.contains("openat(dfd=-100, "), detail);
      assertTrue(detail.contains("no line of vmm-main.policy allows it [/dev/kvm]"), detail);
    }
  }

  @Test
  void permissiveReportsByNameAndArgumentsAndGoesOn() throws Exception {
    try (Launcher run = start("permissive")) {
      jars.order(Victim.RNG, run.pid(), List.of("open-passwd", "socket-unix", Intruder.LIE_LOW));
      run.awaitLine(line -> line.contains("openat(dfd=-100") && line.contains("[/etc/passwd]"));
      run.awaitLine(line -> line.contains("socket(family=1, type=1, protocol=0)"));
      run.type("poweroff");
      assertEquals(0, run.awaitExit(), run::output);
      assertEquals("permissive", process(run, "rng").get("sandbox").asText());
      assertEquals(2, process(run, "rng").get("violations").asInt(), run::output);
    }
  }
}
