package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.output.Terminal;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

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
    if (withDemo) {
      cli.execute("demo", "--json");
    }
  }
}
