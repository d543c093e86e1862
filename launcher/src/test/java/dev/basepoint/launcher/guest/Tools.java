package dev.basepoint.launcher.guest;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Programs of the host that the guest's tests need, and the embedded guest's files. */
final class Tools {
  static final Path SOURCES = Path.of("src/main/probe-guest");
  private static final long TIMEOUT_SECONDS = 120;

  private Tools() {}

  /** Skips the calling test, with the program's name, where it is not on the PATH. */
  static void assumeProgram(String name) {
    boolean present =
        Stream.of(System.getenv("PATH").split(":", -1))
            .anyMatch(directory -> Files.isExecutable(Path.of(directory, name)));
    assumeTrue(present, name + " is not installed");
  }

  /** Runs a program to its end and returns what it wrote, errors included. */
  static String run(List<String> command, Path log) throws IOException, InterruptedException {
    return run(command, Path.of("/dev/null"), log);
  }

  static String run(List<String> command, Path input, Path log)
      throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectInput(input.toFile())
            .redirectOutput(log.toFile())
            .start();
    try {
      if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
        fail(command.getFirst() + " did not end in time:\n" + Files.readString(log));
      }
    } finally {
      process.destroyForcibly();
    }
    return Files.readString(log, StandardCharsets.UTF_8);
  }

  static byte[] resource(String name) throws IOException {
    try (InputStream stream = Tools.class.getResourceAsStream(name)) {
      if (stream == null) {
        throw new IOException(name + " is not among the launcher's resources");
      }
      return stream.readAllBytes();
    }
  }
}
