package dev.basepoint.launcher.bench;

import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.Role;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A benchmark that runs inside a role's own jar, in a JVM of its own. */
public final class RoleBench {
  private static final long RUN_MINUTES_MAX = 10;

  private RoleBench() {}

  /**
   * Runs {@code mainClass} of vmm-main's jar.
   *
   * @return what it printed: one JSON object
   */
  public static String ofVmmMain(Installation installation, String mainClass)
      throws IOException, InterruptedException {
    Path jar = installation.jar(Role.VMM_MAIN);
    Process process =
        new ProcessBuilder(
                List.of(
                    installation.javaHome().resolve("bin/java").toString(),
                    "-XX:+UseSerialGC",
                    "--enable-native-access=ALL-UNNAMED",
                    "--sun-misc-unsafe-memory-access=allow",
                    "-cp",
                    jar.toString(),
                    mainClass))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(RUN_MINUTES_MAX, TimeUnit.MINUTES) || process.exitValue() != 0) {
      process.destroyForcibly();
      throw new IOException(mainClass + " failed; see above");
    }
    return output.strip();
  }
}
