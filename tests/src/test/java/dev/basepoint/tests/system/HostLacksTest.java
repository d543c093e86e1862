package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.tests.escape.Restricted;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A launcher on hosts that cannot do all that a sandbox takes. */
class HostLacksTest {
  private static final int HOST_UNSUITABLE = 69;

  @TempDir private Path directory;

  private String manifest;

  @BeforeEach
  void writeManifest() throws Exception {
    Requirements.vm();
    Requirements.root();
    manifest =
        Files.writeString(
                directory.resolve("lacking.yaml"),
                """
                version: 1
                name: lacking
                memory: 64MiB
                cmdline: probe=poweroff
                devices:
                  - type: rng
                """)
            .toString();
  }

  /** The launcher's command line, but with {@link Restricted} before its main class. */
  private Launcher run(String facility, String level) throws Exception {
    List<String> command =
        new ArrayList<>(Launcher.command(List.of(), "run", manifest, "--sandbox", level));
    int jar = command.indexOf("-jar");
    String classes =
        Path.of(Restricted.class.getProtectionDomain().getCodeSource().getLocation().toURI())
            .toString();
    command.set(jar, "-cp");
    command.set(jar + 1, command.get(jar + 1) + ":" + classes);
    command.add(jar + 2, Restricted.class.getName());
    command.add(jar + 3, facility);
    return Launcher.startCommand(command);
  }

  @ParameterizedTest
  @CsvSource({
    "landlock, landlock",
    "user-namespace, user namespace",
    "notification, seccomp with user notification"
  })
  void strictRefusesToStartWithoutAFacility(String facility, String name) throws Exception {
    try (Launcher run = run(facility, "strict")) {
      assertEquals(HOST_UNSUITABLE, run.awaitExit(), run::output);
      assertTrue(run.output().contains("sandbox needs " + name), run::output);
      assertTrue(run.output().contains("doctor"), run::output);
      assertFalse(run.output().contains("@probe"), run::output);
    }
  }

  @Test
  void permissiveDoesWithoutAndSaysSo() throws Exception {
    try (Launcher run = run("landlock", "permissive")) {
      assertEquals(0, run.awaitExit(), run::output);
      assertTrue(run.output().contains("sandbox without landlock"), run::output);
    }
  }

  @Test
  void strictNamesTheSubstituteForControlGroups() throws Exception {
    Requirements.program("unshare");
    List<String> command =
        new ArrayList<>(
            List.of(
                "unshare",
                "--mount",
                "sh",
                "-c",
                "umount --recursive --lazy /sys/fs/cgroup && exec \"$@\"",
                "sh"));
    command.addAll(Launcher.command(List.of(), "run", manifest));
    try (Launcher run = Launcher.startCommand(command)) {
      assertEquals(0, run.awaitExit(), run::output);
      assertTrue(run.output().contains("sandbox without control group"), run::output);
      assertTrue(run.output().contains("resource limits"), run::output);
    }
  }
}
