package dev.basepoint.launcher.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import dev.basepoint.launcher.manifest.HostFacts;
import dev.basepoint.launcher.manifest.ManifestLoader;
import dev.basepoint.launcher.manifest.VmManifest;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Names, numbers and memory of VMs that the daemon refuses. */
final class LimitsTest {
  private static final DaemonLog SILENT = (_, _) -> {};

  private final AtomicLong available = new AtomicLong(1L << 40);
  private final MemoryBudget budget = new MemoryBudget(1L << 30, available::get);
  private final VmRegistry registry = new VmRegistry(2, budget, SILENT);

  private static VmManifest manifest(String name) throws Exception {
    return new ManifestLoader(new HostFacts(8, 8L << 30, 8L << 30))
        .load("version: 1\nname: " + name + "\n", "test", Path.of("/"))
        .vm();
  }

  private DaemonVm reserve(String name, long bytes) throws Exception {
    return registry.reserve(manifest(name), "uid-0", "boot", bytes);
  }

  private void assertRefused(ExitCode code, String part, String name, long bytes) {
    CommandException refused = assertThrows(CommandException.class, () -> reserve(name, bytes));
    assertEquals(code, refused.exitCode());
    assertTrue(refused.getMessage().contains(part), refused::getMessage);
  }

  @Test
  void namesAreUniqueAndFreeAgainAfterwards() throws Exception {
    DaemonVm vm = reserve("one", 1);
    assertRefused(ExitCode.NAME_TAKEN, "VM one exists already", "one", 1);
    registry.cancel(vm);
    assertSame(reserve("one", 1), registry.get("one"));
    CommandException unknown = assertThrows(CommandException.class, () -> registry.get("two"));
    assertEquals(ExitCode.NOT_FOUND, unknown.exitCode());
  }

  @Test
  void numberOfVmsIsLimited() throws Exception {
    DaemonVm one = reserve("one", 1);
    reserve("two", 1);
    assertRefused(ExitCode.LIMIT_REACHED, "--max-vms", "three", 1);
    registry.cancel(one);
    reserve("three", 1);
  }

  @Test
  void budgetIsKept() throws Exception {
    DaemonVm one = reserve("one", 600L << 20);
    assertRefused(
        ExitCode.LIMIT_REACHED, "needs 500 MiB, and 600 of the daemon's 1024", "two", 500L << 20);
    registry.cancel(one);
    assertEquals(0, budget.reservedBytes());
    reserve("two", 500L << 20);
  }

  @Test
  void memoryThatTheHostHasNotIsRefused() throws Exception {
    available.set(100L << 20);
    assertRefused(ExitCode.LIMIT_REACHED, "the host has 100 MiB left", "one", 101L << 20);
    reserve("one", 100L << 20);
  }

  @Test
  void vmThatHasNotComeToBeCannotBeUsedYet() throws Exception {
    reserve("one", 1);
    CommandException early = assertThrows(CommandException.class, () -> registry.running("one"));
    assertEquals(ExitCode.WRONG_STATE, early.exitCode());
  }

  @Test
  void nothingStartsWhileTheDaemonEnds() throws Exception {
    registry.close();
    assertRefused(ExitCode.WRONG_STATE, "shutting down", "one", 1);
  }
}
