package dev.basepoint.sandbox.jail;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.basepoint.sandbox.policy.Namespace;
import dev.basepoint.sandbox.policy.Policy;
import dev.basepoint.sandbox.policy.PolicyParser;
import dev.basepoint.sandbox.policy.Role;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Real JVMs in real jails. */
class JailTest {
  private static final Policy RNG = PolicyParser.shipped(Role.RNG);

  @TempDir Path folder;

  @BeforeEach
  void needsTheHostsHelp() throws IOException {
    for (HostIsolation.Facility facility : HostIsolation.examine().facilities()) {
      assumeTrue(
          facility.present()
              || facility.name().equals(HostIsolation.CONTROL_GROUP)
              || facility.name().equals("uid of its own"),
          () -> "this host has no " + facility.name() + ": " + facility.detail());
    }
  }

  private JailFixture start(Level level) throws IOException {
    JailFixture fixture = new JailFixture(level, RNG, folder);
    assertEquals("unreadable", fixture.receive(new ArrayList<>()), fixture::uncheckedOutput);
    return fixture;
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void aBusyJvmStaysWithinEveryRolesPolicy(Role role) throws Exception {
    try (JailFixture fixture = new JailFixture(Level.STRICT, PolicyParser.shipped(role), folder)) {
      fixture.receive(new ArrayList<>());
      fixture.sandbox();
      for (int round = 0; round < 4; round++) {
        assertEquals("done", fixture.ask("work"), fixture.violations::toString);
      }
      assertEquals(List.of(), fixture.violations);
      fixture.send(new byte[] {'e', 'n', 'd'});
      assertEquals("unknown command", fixture.receive(new ArrayList<>()));
      fixture.hangUp();
      assertEquals(0, fixture.awaitExit().status(), fixture::uncheckedOutput);
      assertEquals("", fixture.output());
    }
  }

  @Test
  void holdsExactlyWhatThePolicySays() throws Exception {
    try (JailFixture fixture = start(Level.STRICT)) {
      fixture.jailed.awaitControlGroup();
      fixture.sandbox();
      assertEquals("done", fixture.ask("work"));
      Path proc = Path.of("/proc", Integer.toString(fixture.process().pid()));
      int threads = 0;
      try (Stream<Path> tasks = Files.list(proc.resolve("task"))) {
        for (Path task : tasks.toList()) {
          List<String> status = Files.readAllLines(task.resolve("status"));
          for (String set : List.of("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")) {
            assertEquals("0000000000000000", value(status, set), set);
          }
          assertEquals("1", value(status, "NoNewPrivs"));
          assertEquals("2", value(status, "Seccomp"));
          int uid = fixture.jailed.uid();
          assertEquals("%d\t%d\t%d\t%d".formatted(uid, uid, uid, uid), value(status, "Uid"));
          threads++;
        }
      }
      assertTrue(threads > 5, threads + " threads");
      for (Namespace namespace : Namespace.values()) {
        String link = namespace == Namespace.MOUNT ? "mnt" : namespace.id();
        assertNotEquals(
            Files.readSymbolicLink(Path.of("/proc/self/ns", link)),
            Files.readSymbolicLink(proc.resolve("ns").resolve(link)),
            link);
      }
      if (fixture.jailed.notices().isEmpty()) {
        String groups = Files.readString(proc.resolve("cgroup"));
        assertTrue(groups.contains("/" + ControlGroup.PREFIX), groups);
      }
      List<String> mounts = Files.readAllLines(proc.resolve("mounts"));
      assertTrue(mounts.stream().allMatch(m -> m.split(" ", -1)[3].startsWith("ro,nosuid,nodev")));
      assertTrue(mounts.stream().noneMatch(m -> m.contains("proc") || m.contains("/dev ")));
      assertEquals(
          List.of("0", "1", "2", "3", "4", "5"),
          Stream.of(proc.resolve("fd").toFile().list()).sorted().toList());
      List<String> limits = Files.readAllLines(proc.resolve("limits"));
      assertTrue(limits.stream().anyMatch(l -> l.matches("Max open files +64 +64 .*")));
      assertTrue(limits.stream().anyMatch(l -> l.matches("Max file size +0 +0 .*")));
    }
  }

  private static String value(List<String> status, String key) {
    return status.stream()
        .filter(line -> line.startsWith(key + ":"))
        .map(line -> line.substring(key.length() + 1).strip())
        .findFirst()
        .orElseThrow();
  }

  /** Number and arguments of calls that no role may make; each is one process's last. */
  @ParameterizedTest
  @CsvSource({
    "socket, 41 1 1 0",
    "execve, 59 0 0 0",
    "mmap, 9 0 4096 7 0x22 -1 0",
    "mprotect, 10 0 4096 4",
    "kill, 62 -1 9",
    "syscall 9999, 9999",
  })
  void aViolationIsReportedAndEndsTheProcess(String name, String call) throws Exception {
    try (JailFixture fixture = start(Level.STRICT)) {
      fixture.sandbox();
      assertEquals("", fixture.ask("syscall " + call));
      assertEquals(9, fixture.awaitExit().signal());
      assertEquals(1, fixture.violations.size());
      assertEquals(name, fixture.violations.getFirst().syscall());
      assertTrue(
          fixture.violations.getFirst().explanation().contains("rng.policy")
              || fixture.violations.getFirst().explanation().contains("jvm-base.policy"),
          fixture.violations::toString);
    }
  }

  @Test
  void x32CallsAreKilledByTheKernel() throws Exception {
    try (JailFixture fixture = start(Level.PERMISSIVE)) {
      fixture.sandbox();
      assertEquals("", fixture.ask("syscall " + (0x4000_0000 | 39)));
      assertEquals(31, fixture.awaitExit().signal(), "SIGSYS");
    }
  }

  @Test
  void answersAreGivenWithoutAReport() throws Exception {
    try (JailFixture fixture = start(Level.STRICT)) {
      fixture.sandbox();
      assertEquals("-38", fixture.ask("syscall 435 0 0"));
      assertEquals(List.of(), fixture.violations);
    }
  }

  @Test
  void permissiveReportsAndGoesOn() throws Exception {
    try (JailFixture fixture = start(Level.PERMISSIVE)) {
      fixture.sandbox();
      assertEquals("0", fixture.ask("syscall 110"), "the launcher is not visible");
      assertEquals("-2", fixture.ask("open /etc/passwd"));
      assertEquals(2, fixture.violations.size());
      assertEquals("getppid", fixture.violations.get(0).syscall());
      assertEquals("/etc/passwd", fixture.violations.get(1).path().orElseThrow());
      assertEquals("done", fixture.ask("work"));
    }
  }

  @Test
  void aListenerThatIsGoneDeniesTheCall() throws Exception {
    try (JailFixture fixture = start(Level.STRICT)) {
      fixture.sandbox();
      fixture.stopWatching();
      assertEquals("-38", fixture.ask("syscall 41 1 1 0"));
    }
  }

  @Test
  void theJailIsClosedEvenWithoutAFilter() throws Exception {
    try (JailFixture fixture = start(Level.STRICT)) {
      assertEquals("-13", fixture.askUnfiltered("open /"), "EACCES by Landlock");
      assertEquals("-2", fixture.askUnfiltered("open /etc/passwd"));
      assertEquals("-2", fixture.askUnfiltered("open /dev/kvm"));
      assertEquals("-2", fixture.askUnfiltered("open /proc/1/maps"));
      assertEquals("-1", fixture.askUnfiltered("syscall 272 0x20000"), "unshare: EPERM");
      assertEquals("-3", fixture.askUnfiltered("syscall 62 999999 0"), "kill: ESRCH");
      assertNotEquals("0", fixture.askUnfiltered("syscall 105 0"), "setuid");
    }
  }

  @Test
  void twoJailsHaveDifferentUids() throws Exception {
    assumeTrue(Privilege.own().full(), "needs root");
    try (JailFixture one = start(Level.STRICT);
        JailFixture other = new JailFixture(Level.STRICT, RNG, folder)) {
      assertNotEquals(one.jailed.uid(), other.jailed.uid());
    }
  }

  /** A launcher of uid 65534 that may do nothing special; see {@link RootlessMain}. */
  @Test
  void worksWithoutRoot() throws Exception {
    assumeTrue(Privilege.own().uid() == 0, "needs root, to start as somebody else");
    Path setpriv = Path.of("/usr/bin/setpriv");
    assumeTrue(Files.isExecutable(setpriv), "no setpriv");
    Process launcher =
        new ProcessBuilder(
                setpriv.toString(),
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "--bounding-set=-all",
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                RootlessMain.class.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(launcher.getInputStream().readAllBytes(), UTF_8);
    assertEquals(0, launcher.waitFor(), output);
    assertEquals("works without root", output.strip());
  }

  @Test
  void refusesValuesThatNobodyGave() {
    Policy policy = PolicyParser.shipped(Role.VMM_MAIN);
    assertThrows(
        IllegalArgumentException.class,
        () -> new JailFixture(Level.STRICT, policy, folder, Map.of()));
  }
}
