package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a killed launcher leaves behind, and that the next one clears it away. */
class LeftoverTest {
  private static final Path UID_LOCKS = Path.of("/run/basepoint-uids.lock");

  /** vmm-main and one server. */
  private static final int PROCESSES = 2;

  @TempDir private Path directory;

  @BeforeEach
  void requireVm() throws Exception {
    Requirements.vm();
    Requirements.root();
  }

  private String manifest(String probe) throws IOException {
    return Files.writeString(
            directory.resolve(probe + ".yaml"),
            """
            version: 1
            name: leaving
            memory: 64MiB
            cmdline: probe=%s
            devices:
              - type: rng
            """
                .formatted(probe))
        .toString();
  }

  @Test
  void nextStartClearsWhatAKilledLauncherLeft() throws Exception {
    Set<Path> groups;
    try (Launcher run = Launcher.start("run", manifest("shell"))) {
      run.awaitEvent("shell");
      groups = controlGroups(run.pid());
      List<Long> children = run.children();
      assertEquals(PROCESSES, children.size());
      // The kernel shows locks on neighbouring bytes as one.
      assertTrue(uidsLocked(run.pid()) > 0, "no uid is locked");
      run.kill();
      run.awaitExit();
      for (long child : children) {
        ProcessHandle process = ProcessHandle.of(child).orElse(null);
        if (process != null) {
          process.onExit().get(Launcher.PATIENCE_SECONDS, TimeUnit.SECONDS);
        }
      }
      assertEquals(0, uidsLocked(run.pid()), "uids are still locked");
    }
    try (Launcher next = Launcher.run("run", manifest("poweroff"))) {
      assertEquals(0, next.awaitExit(), next::output);
    }
    assumeTrue(!groups.isEmpty(), "this host lets no control group be made");
    for (Path group : groups) {
      assertFalse(Files.exists(group), group::toString);
    }
  }

  /** How many uids a process has locked, by the kernel's list of all locks. */
  private static int uidsLocked(long pid) throws IOException {
    String inode = Files.getAttribute(UID_LOCKS, "unix:ino").toString();
    int count = 0;
    for (String line : Files.readAllLines(Path.of("/proc/locks"))) {
      // Number, POSIX, ADVISORY, WRITE, pid, device and inode, first and last byte.
      String[] words = line.split("\\s+", -1);
      if (words[4].equals(Long.toString(pid)) && words[5].endsWith(":" + inode)) {
        count++;
      }
    }
    return count;
  }

  private static Set<Path> controlGroups(long launcher) throws IOException {
    try (Stream<Path> all =
        Files.find(
            Path.of("/sys/fs/cgroup"),
            6,
            (path, _) -> path.getFileName().toString().startsWith("basepoint-" + launcher + "-"))) {
      return all.collect(Collectors.toSet());
    }
  }
}
