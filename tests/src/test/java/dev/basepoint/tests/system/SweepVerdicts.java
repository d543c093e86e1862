package dev.basepoint.tests.system;

import dev.basepoint.tests.escape.Attempt;
import dev.basepoint.tests.escape.Expectation;
import dev.basepoint.tests.escape.Victim;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;

/** Judges attempts that one process made one after the other in the permissive sandbox. */
final class SweepVerdicts {
  /** New sockets: in an empty network namespace there is nobody to reach, except by vsock. */
  private static final String SOCKETS = "socket-";

  /**
   * What works without the filter, or does on hosts with other settings. Some reaches nothing
   * beyond the process: memory and descriptors of its own, settings of its own that give no right.
   * The rest is large parts of the kernel, to which the filter is the door.
   */
  private static final Set<String> HARMLESS =
      Set.of(
          // Descriptors and names of its own
          "bind",
          "duplicate",
          "duplicate-by-fcntl",
          "signal-owner",
          "splice",
          "send-file",
          "pages-into-pipe",
          "memory-file",
          "shared-segment",
          "semaphores",
          "message-queue",
          "timer",
          "parent-pid",
          // Memory and settings of its own
          "map-code",
          "map-file-as-code",
          "data-becomes-code",
          "keyed-code",
          "hidden-memory",
          "move-pages",
          "descriptor-table",
          "thread-register",
          "handle-signal",
          "become-dumpable",
          "keep-capabilities",
          "let-all-trace",
          "new-session",
          // Parts of the kernel
          "keyring",
          "add-key",
          "request-key",
          "bpf",
          "perf",
          "user-fault",
          "io-uring");

  private SweepVerdicts() {}

  /** Verdicts by the attempts' names; the attempts are in the order in which they were made. */
  static Map<String, EscapeVerdict> of(List<Attempt> attempts, Victim victim, EscapeRound round) {
    Map<String, EscapeVerdict> verdicts = new LinkedHashMap<>();
    List<String> violations = round.violations(victim);
    int next = 0;
    for (Attempt attempt : attempts) {
      Set<String> syscalls = ((Expectation.Held) attempt.expectation()).syscalls();
      int found = next;
      while (found < violations.size() && !syscalls.contains(violations.get(found))) {
        found++;
      }
      boolean reported = found < violations.size();
      next = reported ? found + 1 : next;
      verdicts.put(attempt.name(), verdict(attempt, round.said(victim, attempt.name()), reported));
    }
    return verdicts;
  }

  private static EscapeVerdict verdict(Attempt attempt, List<String> said, boolean reported) {
    if (!said.contains("tries")) {
      return new EscapeVerdict(false, "NOT MADE");
    }
    if (!reported) {
      return new EscapeVerdict(false, "NOT REPORTED " + said);
    }
    if (said.getLast().startsWith("threw ")) {
      return new EscapeVerdict(true, "exception");
    }
    OptionalLong returned = EscapeVerdict.number(said, "returned ");
    boolean failed = returned.isPresent() && returned.getAsLong() < 0;
    boolean harmless = HARMLESS.contains(attempt.name()) || attempt.name().startsWith(SOCKETS);
    return new EscapeVerdict(
        failed || harmless,
        failed ? EscapeVerdict.error(returned) : (harmless ? "works" : "WORKS " + said));
  }
}
