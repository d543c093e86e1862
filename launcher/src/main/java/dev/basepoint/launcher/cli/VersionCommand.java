package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.output.Json;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/** {@code vmm-launch version}. */
final class VersionCommand {
  private final CliContext context;

  VersionCommand(CliContext context) {
    this.context = context;
  }

  int run(Arguments arguments) {
    SequencedMap<String, Object> facts = new LinkedHashMap<>();
    facts.put("version", Version.text());
    facts.put("java", System.getProperty("java.vm.version"));
    facts.put("java_home", System.getProperty("java.home"));
    facts.put("kernel", System.getProperty("os.version"));
    if (Commands.json(arguments)) {
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
