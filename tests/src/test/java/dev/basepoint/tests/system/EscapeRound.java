package dev.basepoint.tests.system;

import dev.basepoint.tests.escape.Victim;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One VM whose processes are taken over while its guest runs, and what came of it. */
final class EscapeRound {
  private static final Pattern VIOLATION =
      Pattern.compile("(\\S+) of \\S+ in VM \\S+ violated its sandbox: ([^(:]+)");
  private static final Pattern EXIT =
      Pattern.compile("(\\S+) of \\S+ \\(pid \\d+\\) ended with (.*?)(?:, saying:.*)?$");

  private final List<String> lines;
  private final int exitCode;

  private EscapeRound(List<String> lines, int exitCode) {
    this.lines = lines;
    this.exitCode = exitCode;
  }

  /**
   * Runs a VM with a server of each kind, lets its device servers make their attempts together, and
   * then its vmm-main, whose end is the VM's.
   *
   * @param orders names of attempts, in order; a process ends after its last one
   */
  static EscapeRound run(
      IntruderJars jars, String manifest, String level, Map<Victim, List<String>> orders)
      throws Exception {
    try (Launcher run = Launcher.start(jars.properties(), "run", manifest, "--sandbox", level)) {
      run.awaitEvent("shell");
      Set<Victim> busy = EnumSet.noneOf(Victim.class);
      for (Map.Entry<Victim, List<String>> order : orders.entrySet()) {
        if (order.getKey() != Victim.VMM_MAIN) {
          busy.add(order.getKey());
          jars.order(order.getKey(), run.pid(), order.getValue());
        }
      }
      if (!busy.isEmpty()) {
        run.awaitLine(
            line -> {
              Matcher exit = EXIT.matcher(line);
              return exit.find()
                  && busy.removeIf(victim -> victim.module().equals(exit.group(1)))
                  && busy.isEmpty();
            });
      }
      if (orders.containsKey(Victim.VMM_MAIN)) {
        jars.order(Victim.VMM_MAIN, run.pid(), orders.get(Victim.VMM_MAIN));
      } else {
        run.type("poweroff");
      }
      int exitCode = run.awaitExit();
      return new EscapeRound(run.output().lines().toList(), exitCode);
    } finally {
      jars.clear();
    }
  }

  /** The launcher's. */
  int exitCode() {
    return exitCode;
  }

  /** The calls of one process that no policy covers, in order. */
  List<String> violations(Victim victim) {
    List<String> calls = new ArrayList<>();
    for (String line : lines) {
      Matcher violation = VIOLATION.matcher(line);
      if (violation.find() && violation.group(1).equals(victim.module())) {
        calls.add(violation.group(2).strip());
      }
    }
    return calls;
  }

  /** How a process ended, as the launcher says it; empty if it was asked to end. */
  String exit(Victim victim) {
    for (String line : lines) {
      Matcher exit = EXIT.matcher(line);
      if (exit.find() && exit.group(1).equals(victim.module())) {
        return exit.group(2);
      }
    }
    return "";
  }

  /** What the intruder said about an attempt: {@code tries}, {@code returned N} and so on. */
  List<String> said(Victim victim, String attempt) {
    String start = "@intruder " + victim.key() + " " + attempt + " ";
    List<String> said = new ArrayList<>();
    for (String line : lines) {
      int at = line.indexOf(start);
      if (at >= 0) {
        said.add(line.substring(at + start.length()).strip());
      }
    }
    return said;
  }

  /** The whole output, for a failure's message. */
  String output() {
    return String.join("\n", lines);
  }
}
