package dev.basepoint.tests.system;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.tests.escape.Attempt;
import dev.basepoint.tests.escape.Expectation;
import dev.basepoint.tests.escape.Victim;
import java.util.List;
import java.util.OptionalLong;

/**
 * What one attempt came to.
 *
 * @param stopped whether it was made, and failed as it has to
 * @param text for the table
 */
record EscapeVerdict(boolean stopped, String text) {
  private static final String BY_LAUNCHER = "signal 9";

  /** Judges an attempt that was made in the strict sandbox. */
  static EscapeVerdict of(Attempt attempt, Victim victim, EscapeRound round) {
    List<String> said = round.said(victim, attempt.name());
    if (!said.contains("tries")) {
      return new EscapeVerdict(false, "NOT MADE");
    }
    OptionalLong returned = number(said, "returned ");
    List<String> violations = round.violations(victim);
    String exit = round.exit(victim);
    return switch (attempt.expectation()) {
      case Expectation.Held(var syscalls) -> {
        boolean held = violations.size() == 1 && syscalls.contains(violations.getFirst());
        yield verdict(
            held && said.size() == 1 && exit.equals(BY_LAUNCHER),
            "held " + String.join(" ", violations),
            said,
            exit);
      }
      case Expectation.Killed(int signal) ->
          verdict(
              said.size() == 1 && violations.isEmpty() && exit.equals("signal " + signal),
              "killed, " + exit,
              said,
              exit);
      case Expectation.Refused(var errnos) ->
          verdict(
              returned.isPresent() && errnos.contains((int) -returned.getAsLong()),
              error(returned),
              said,
              exit);
      case Expectation.Bounded(var most, String unit) ->
          verdict(
              returned.isPresent() && within(returned, most.applyAsLong(victim)),
              "stopped at " + returned.orElse(-1) + " " + unit,
              said,
              exit);
      case Expectation.Exhausted(var most, String unit, var lastCalls) -> {
        OptionalLong reached = returned.isPresent() ? returned : number(said, "reached ");
        boolean ended = returned.isPresent() || exit.equals(BY_LAUNCHER);
        yield verdict(
            ended && lastCalls.containsAll(violations) && within(reached, most.applyAsLong(victim)),
            "stopped at " + reached.orElse(-1) + " " + unit,
            said,
            exit);
      }
    };
  }

  private static EscapeVerdict verdict(
      boolean stopped, String text, List<String> said, String exit) {
    return new EscapeVerdict(
        stopped, stopped ? text : "NOT STOPPED (" + text + "; " + said + "; " + exit + ")");
  }

  private static boolean within(OptionalLong reached, long most) {
    return reached.isPresent() && reached.getAsLong() >= 0 && reached.getAsLong() <= most;
  }

  /** The last number that the intruder said after {@code word}. */
  static OptionalLong number(List<String> said, String word) {
    return said.stream()
        .filter(text -> text.startsWith(word))
        .mapToLong(text -> Long.parseLong(text.substring(word.length())))
        .reduce((_, last) -> last);
  }

  /** A system call's result as people read it. */
  static String error(OptionalLong result) {
    if (result.isEmpty()) {
      return "?";
    }
    long value = result.getAsLong();
    return value < 0 && value > -4096
        ? Errno.describe((int) -value).replaceFirst(" \\(.*", "")
        : "returned " + value;
  }
}
