package dev.basepoint.launcher;

import dev.basepoint.launcher.cli.Cli;
import dev.basepoint.launcher.cli.CliContext;
import dev.basepoint.launcher.cli.StartupTraining;
import dev.basepoint.launcher.cli.VmRunner;
import dev.basepoint.launcher.group.GroupRunner;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.manifest.HostFacts;
import dev.basepoint.launcher.output.Terminal;

/** The program {@code vmm-launch}. */
public final class Main {
  private Main() {}

  /** Runs one command and exits with its code. */
  public static void main(String[] args) {
    CliContext context =
        new CliContext(
            Terminal.system(),
            Main::runner,
            HostFacts::read,
            commandStart(),
            Long.getLong("vmm.handover.epochMicros", 0));
    if (Boolean.getBoolean("vmm.trainStartup")) {
      StartupTraining.run(context, System.getProperty("vmm.trainRoles") != null);
      return;
    }
    System.exit(new Cli(context).execute(args));
  }

  private static VmRunner runner() {
    return new GroupRunner(Installation.current());
  }

  /** The start script says when it began; without it, this JVM's start is the next best. */
  private static long commandStart() {
    Long stated = Long.getLong("vmm.start.epochMicros");
    return stated != null
        ? stated
        : ProcessHandle.current()
            .info()
            .startInstant()
            .map(start -> start.toEpochMilli() * 1000)
            .orElseGet(() -> System.currentTimeMillis() * 1000);
  }
}
