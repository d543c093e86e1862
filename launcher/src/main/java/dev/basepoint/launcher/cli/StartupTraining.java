package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.api.DaemonPaths;
import dev.basepoint.launcher.daemon.Daemon;
import dev.basepoint.launcher.daemon.DaemonOptions;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.output.Terminal;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Plays commands whose classes the JVM's ahead-of-time cache should hold. The start script runs it
 * once per build, under {@code -XX:AOTCacheOutput}; where VMs can run it asks for the demo too,
 * whose children then write caches of their own.
 */
public final class StartupTraining {
  private static final List<List<String>> COMMANDS =
      List.of(
          List.of("--help"),
          List.of("version", "--json"),
          List.of("validate", "--schema"),
          List.of("rnu"));

  private StartupTraining() {}

  /**
   * Runs each command with its output discarded.
   *
   * @param withDemo whether to run a VM as well
   */
  public static void run(CliContext context, boolean withDemo) {
    PrintStream discarded =
        new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
    Terminal silent = Terminal.of(discarded, discarded, true, Map.of("TERM", "xterm"));
    Cli cli =
        new Cli(
            new CliContext(
                silent, context.runner(), context.host(), context.commandStartEpochMicros(), 0));
    for (List<String> command : COMMANDS) {
      cli.execute(command.toArray(String[]::new));
    }
    cli.execute("validate", "--json", System.getProperty("vmm.root") + "/examples/probe.yaml");
    trainDaemon(cli);
    if (withDemo) {
      cli.execute("demo", "--json");
    }
  }

  /** A daemon without VMs, and clients of it. */
  private static void trainDaemon(Cli cli) {
    Path directory = null;
    try {
      directory = Files.createTempDirectory("vmm-training-");
      String state = directory.resolve("state").toString();
      DaemonPaths paths = DaemonPaths.locate(Optional.of(state), Map.of());
      try (Daemon _ =
          Daemon.open(
              paths,
              Installation.current(),
              new DaemonOptions(1, Long.MAX_VALUE),
              (_, facts) -> facts.clear())) {
        cli.execute("ps", "--state", state);
        cli.execute("ps", "--json", "--state", state);
        cli.execute("inspect", "nobody", "--state", state);
      }
    } catch (IOException | CommandException e) {
      // Then these commands start a little slower.
      return;
    } finally {
      delete(directory);
    }
  }

  private static void delete(Path directory) {
    if (directory == null) {
      return;
    }
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      // An empty state directory in the temporary directory is all that is left.
      return;
    }
  }
}
