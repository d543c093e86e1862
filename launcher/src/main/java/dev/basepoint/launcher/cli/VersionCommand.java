package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.output.Json;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code vmm-launch version}. */
@Command(name = "version", description = "Show the versions of the program, its JVM and the host.")
final class VersionCommand implements Callable<Integer> {
  private final CliContext context;

  @Mixin private JsonOption json;

  VersionCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    SequencedMap<String, Object> facts = new LinkedHashMap<>();
    facts.put("version", Version.text());
    facts.put("java", System.getProperty("java.vm.version"));
    facts.put("java_home", System.getProperty("java.home"));
    facts.put("kernel", System.getProperty("os.version"));
    if (json.isSet()) {
      context.terminal().out().println(Json.write(facts));
    } else {
      context.terminal().out().println("vmm-launch " + Version.text());
      context
          .terminal()
          .out()
          .println("JDK " + facts.get("java") + " in " + facts.get("java_home"));
      context.terminal().out().println("Linux " + facts.get("kernel"));
    }
    return ExitCode.OK.code();
  }
}
