package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A guest that breaks every rule of the transport and of the virtqueues, against a VM whose
 * processes are in their sandboxes. After each case it resets the device and makes a correct
 * request; at the end it uses all devices as any guest does.
 */
class VillainTest {
  private static final Set<String> TARGETS = Set.of("rng", "blk", "net-tx", "net-rx");
  private static final int CASES_PER_TARGET_MIN = 150;
  private static final int CASES_MIN = 1000;
  private static final List<String> COLUMNS =
      List.of("cases", "recovered", "needs_reset", "completed", "silent", "damaged");

  @TempDir private Path directory;

  @Test
  void everyCaseIsFollowedByACorrectRequest() throws Exception {
    Requirements.vm();
    Path manifest = directory.resolve("villain.yaml");
    Files.writeString(
        manifest,
        """
        version: 1
        name: villain
        memory: 64MiB
        cmdline: probe=villain,rng,blk,net
        devices:
          - type: blk
            scratch: 4MiB
          - type: net
            backend: {type: echo}
          - type: rng
        """);
    try (Launcher run = Launcher.start("run", manifest.toString())) {
      run.awaitEvent("villain_total");
      assertEquals(0, run.awaitExit(), run::output);
      List<JsonNode> verdicts = run.events("villain");
      Set<String> targets = new HashSet<>();
      for (JsonNode verdict : verdicts) {
        String target = verdict.get("target").asText();
        targets.add(target);
        StringBuilder row = new StringBuilder("villain %-7s".formatted(target));
        COLUMNS.forEach(
            column -> row.append("  %s %4d".formatted(column, verdict.get(column).asInt())));
        System.out.println(row);
        assertTrue(verdict.get("cases").asInt() >= CASES_PER_TARGET_MIN, verdict::toString);
        assertEquals(verdict.get("cases").asInt(), verdict.get("recovered").asInt(), target);
        assertEquals(0, verdict.get("damaged").asInt(), target);
      }
      assertEquals(TARGETS, targets);
      JsonNode total = run.events("villain_total").getLast();
      assertTrue(total.get("cases").asInt() >= CASES_MIN, total::toString);
      assertEquals(total.get("cases").asInt(), total.get("recovered").asInt());
      JsonNode blk = run.events("blk").getLast();
      assertEquals("range", blk.get("covers").asText());
      assertEquals(0, blk.get("mismatched_sectors").asInt());
      JsonNode net = run.events("net").getLast();
      assertEquals(net.get("sent").asInt(), net.get("answered").asInt());
      assertEquals(4096, run.events("rng").getLast().get("bytes").asInt());
    }
  }
}
