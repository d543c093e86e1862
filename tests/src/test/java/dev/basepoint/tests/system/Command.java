package dev.basepoint.tests.system;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs a program of the host to its end. */
record Command(int exitCode, String output) {
  static Command run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(Launcher.PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError(List.of(command) + " did not end");
    }
    return new Command(process.exitValue(), output);
  }

  /** As {@link #run}, but a failure of the program is one of the test. */
  static String check(String... command) throws Exception {
    Command result = run(command);
    if (result.exitCode != 0) {
      throw new AssertionError(
          String.join(" ", command) + " ended with " + result.exitCode + ":\n" + result.output);
    }
    return result.output;
  }
}
