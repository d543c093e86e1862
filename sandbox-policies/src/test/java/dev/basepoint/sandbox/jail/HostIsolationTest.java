package dev.basepoint.sandbox.jail;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.basepoint.sandbox.policy.Confinement.UidRange;
import dev.basepoint.sandbox.policy.Namespace;
import dev.basepoint.sandbox.policy.SourceLine;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostIsolationTest {
  @Test
  void namesEveryFacilityAndExplainsMissingOnes() throws Exception {
    List<HostIsolation.Facility> facilities = HostIsolation.examine().facilities();
    for (Namespace namespace : Namespace.values()) {
      assertEquals(
          1,
          facilities.stream().filter(f -> f.name().equals(namespace.id() + " namespace")).count());
    }
    for (HostIsolation.Facility facility : facilities) {
      assertFalse(!facility.present() && facility.detail().isEmpty(), facility::toString);
    }
  }

  @Test
  void leasesEachUidOnce(@TempDir Path folder) throws Exception {
    UidRange range = new UidRange(300_000, 300_001, "", new SourceLine("t", 1));
    try (UidPool pool = new UidPool(folder.resolve("locks"))) {
      UidPool.Lease first = pool.take(range);
      try (UidPool.Lease second = pool.take(range)) {
        assertNotEquals(first.uid(), second.uid());
        assertThrows(JailException.class, () -> pool.take(range));
        first.close();
        try (UidPool.Lease third = pool.take(range)) {
          assertEquals(first.uid(), third.uid());
        }
      }
    }
  }

  @Test
  void limitsAControlGroup() throws Exception {
    ControlGroup.Hierarchy hierarchy = ControlGroup.find();
    assumeTrue(hierarchy.problem().isEmpty(), hierarchy.problem());
    String name = ControlGroup.PREFIX + ProcessHandle.current().pid() + "-0-unit";
    Path pids = hierarchy.folders().get("pids").resolve(name);
    try (ControlGroup group =
        ControlGroup.create(hierarchy, name, Map.of("pids.max", 7L, "memory.max", 64L << 20))) {
      assertEquals("7", Files.readString(pids.resolve("pids.max")).strip());
      Process sleeper = new ProcessBuilder("sleep", "60").start();
      group.add((int) sleeper.pid());
      assertEquals(
          Long.toString(sleeper.pid()), Files.readString(pids.resolve("cgroup.procs")).strip());
      sleeper.destroyForcibly().waitFor();
    }
    assertFalse(Files.exists(pids));
  }
}
