package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.tests.hostile.Interposer;
import dev.basepoint.tests.hostile.SupervisionAttack;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Children that somebody has taken over and that attack the launcher: it says what they did, ends
 * in bounded time with the code that is documented for it, and leaves nothing behind.
 */
class TakenOverChildTest {
  @TempDir private Path directory;

  @BeforeEach
  void requireVm() throws Exception {
    Requirements.vm();
  }

  private String manifest(SupervisionAttack attack) throws Exception {
    boolean endsByDeadline =
        switch (attack) {
          case SILENT_ON_HELLO, SILENT_ON_CONFIGURE, HIDES_THE_END -> true;
          default -> false;
        };
    return Files.writeString(
            directory.resolve("hostile.yaml"),
            """
            version: 1
            name: hostile
            memory: 64MiB
            cmdline: probe=rng,idle idle.ms=500
            console: none
            timeouts: {start: %1$s, run: %1$s}
            devices:
              - type: rng
            """
                .formatted(endsByDeadline ? "10s" : "60s"))
        .toString();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          vmm-main          | SILENT_ON_HELLO         | 75 | did not answer Hello within 10000 ms
          vmm-main          | OTHER_ROLE              | 81 | says that its role is launcher
          vmm-main          | REPLY_OF_WRONG_TYPE     | 81 | answered Hello with something else
          vmm-main          | SILENT_ON_CONFIGURE     | 75 | did not answer ConfigureVm
          vmm-main          | CLOSES_ON_CONFIGURE     | 81 | has closed its channel
          vmm-main          | FLOODS_WARNINGS         | 81 | sends events faster than anything can
          vmm-main          | FLOODS_MARKERS          | 81 | sent more than 4096 markers
          vmm-main          | FLOODS_OUTPUT           | 0  | powered-off
          vmm-main          | NAMES_STRANGE_DEVICE    | 81 | which is no device of its VM
          vmm-main          | REPLY_NOBODY_ASKED_FOR  | 81 | which waits for no answer
          vmm-main          | GARBAGE_PAYLOAD         | 81 | message cannot be parsed
          vmm-main          | SURPLUS_DESCRIPTORS     | 81 | broke the supervision protocol
          vmm-main          | CLOSES_CHANNEL          | 81 | closed its supervision channel and went on
          vmm-main          | HIDES_THE_END           | 75 | timeouts.run of 10000 ms has passed
          vmm-main          | SILENT_ON_STOP          | 0  | powered-off
          vmm-main          | COUNTERS_FOR_A_TERMINAL | 0  | powered-off
          device-server-rng | SILENT_ON_CONFIGURE     | 75 | did not answer ConfigureRng
          device-server-rng | SPEAKS_FOR_VMM_MAIN     | 81 | GuestStopped, which only vmm-main may
          device-server-rng | FLOODS_WARNINGS         | 81 | sends events faster than anything can
          device-server-rng | FLOODS_OUTPUT           | 0  | powered-off
          device-server-rng | COUNTERS_FOR_A_TERMINAL | 0  | powered-off
          """)
  void costsTheLauncherNothing(
      String module, SupervisionAttack attack, int exitCode, String verdict) throws Exception {
    Path jar = directory.resolve("hostile.jar");
    RoleJar.make(module, jar, Interposer.class, List.of(), attack.name());
    List<String> properties = List.of("-Dvmm.jar." + module + "=" + jar);
    try (Launcher run = Launcher.start(properties, "run", manifest(attack), "--json")) {
      assertEquals(exitCode, run.awaitExit(), run::output);
      String output = run.output();
      assertTrue(output.contains(verdict), output);
      assertFalse(output.contains("\u001b[2J"), "a child's escape sequence came through");
      assertTrue(output.length() < 200_000, () -> output.length() + " characters of output");
      assertEquals(List.of(), Launcher.processesThatMention(jar));
    }
  }
}
