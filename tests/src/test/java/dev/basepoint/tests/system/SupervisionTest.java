package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the processes of a running VM hold, and what becomes of them. */
class SupervisionTest {
  @TempDir private Path directory;

  private Launcher run;
  private List<Long> children;

  @BeforeEach
  void startServingVm() throws Exception {
    Requirements.vm();
    Path manifest = directory.resolve("serve.yaml");
    Files.writeString(
        manifest,
        """
        version: 1
        name: serve
        memory: 96MiB
        cmdline: probe=rng,blk,net,shell
        devices:
          - type: blk
            scratch: 8MiB
          - type: net
            backend: {type: echo}
          - type: rng
        """);
    run = Launcher.start("run", manifest.toString());
    run.awaitEvent("shell");
    children = run.children();
    assertEquals(4, children.size(), run::output);
  }

  @AfterEach
  void end() throws Exception {
    if (run != null) {
      run.close();
      awaitGone(children);
    }
  }

  private static void awaitGone(List<Long> pids) throws Exception {
    for (long pid : pids) {
      ProcessHandle process = ProcessHandle.of(pid).orElse(null);
      if (process != null) {
        process.onExit().get(60, TimeUnit.SECONDS);
      }
    }
  }

  private static List<String> descriptors(long pid) throws IOException {
    List<String> targets = new ArrayList<>();
    try (Stream<Path> fds = Files.list(Path.of("/proc/" + pid + "/fd"))) {
      for (Path fd : fds.toList()) {
        targets.add(Files.readSymbolicLink(fd).toString());
      }
    }
    return targets;
  }

  private static List<String> mappings(long pid) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + pid + "/maps"));
  }

  private static String commandLine(long pid) throws IOException {
    return Files.readString(Path.of("/proc/" + pid + "/cmdline")).replace('\0', ' ');
  }

  private static long count(List<String> lines, String part) {
    return lines.stream().filter(line -> line.contains(part)).count();
  }

  @Test
  void onlyVmmMainHoldsKvmAndGuestRam() throws Exception {
    int servers = 0;
    for (long pid : children) {
      List<String> fds = descriptors(pid);
      List<String> maps = mappings(pid);
      if (commandLine(pid).contains("dev.basepoint.vmm.Main")) {
        assertTrue(count(fds, "kvm-vm") == 1, fds::toString);
        assertTrue(count(fds, "kvm-vcpu") >= 1, fds::toString);
        assertTrue(count(maps, "memfd:ram-") >= 1, maps::toString);
        assertEquals(3, count(maps, "memfd:window"), maps::toString);
      } else {
        servers++;
        assertEquals(0, count(fds, "kvm"), fds::toString);
        assertEquals(0, count(maps, "kvm"), maps::toString);
        assertEquals(0, count(fds, "memfd:ram-"), fds::toString);
        assertEquals(0, count(maps, "memfd:ram-"), maps::toString);
        assertEquals(1, count(maps, "memfd:window"), maps::toString);
      }
    }
    assertEquals(3, servers);
  }

  @Test
  void interruptStopsEverything() throws Exception {
    run.interrupt();
    assertEquals(130, run.awaitExit(), run::output);
    awaitGone(children);
  }

  @Test
  void nothingOutlivesAKilledLauncher() throws Exception {
    run.kill();
    awaitGone(children);
  }

  @Test
  void lostVmmMainIsReportedAndEndsTheRun() throws Exception {
    for (long pid : children) {
      if (commandLine(pid).contains("dev.basepoint.vmm.Main")) {
        ProcessHandle.of(pid).orElseThrow().destroyForcibly();
      }
    }
    assertEquals(81, run.awaitExit(), run::output);
    assertTrue(run.output().contains("signal 9"), run::output);
    awaitGone(children);
  }

  @Test
  void lostDeviceServerIsReported() throws Exception {
    for (long pid : children) {
      if (commandLine(pid).contains("dev.basepoint.device.rng.Main")) {
        ProcessHandle.of(pid).orElseThrow().destroyForcibly();
      }
    }
    run.awaitLine(line -> line.contains("rng0") && line.contains("signal 9"));
    run.type("poweroff");
    assertEquals(81, run.awaitExit(), run::output);
  }
}
