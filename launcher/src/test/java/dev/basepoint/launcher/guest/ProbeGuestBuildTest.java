package dev.basepoint.launcher.guest;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The checked-in guest is what its source builds, byte for byte. */
class ProbeGuestBuildTest {
  @TempDir Path directory;

  @Test
  void elfIsWhatTheSourceBuilds() throws Exception {
    for (String program : List.of("make", "gcc", "ld", "objcopy")) {
      Tools.assumeProgram(program);
    }
    Path log = directory.resolve("log");
    String recorded = new String(Tools.resource("probe-guest.compiler"), StandardCharsets.UTF_8);
    String present = firstLine("gcc", log) + firstLine("ld", log);
    assumeTrue(
        recorded.equals(present),
        "the checked-in guest was built by\n" + recorded + "but here is\n" + present);

    Path build = directory.resolve("build");
    String output =
        Tools.run(List.of("make", "-C", Tools.SOURCES.toString(), "BUILD=" + build, "all"), log);

    Path built = build.resolve("probe-guest.elf");
    assertTrue(Files.exists(built), output);
    assertArrayEquals(
        Files.readAllBytes(built),
        Tools.resource("probe-guest.elf"),
        () -> "run `make install` in " + Tools.SOURCES + " and commit the result\n" + output);
  }

  private static String firstLine(String program, Path log) throws Exception {
    return Tools.run(List.of(program, "--version"), log).lines().findFirst().orElse("") + "\n";
  }
}
