package dev.basepoint.sandbox.report;

import dev.basepoint.sandbox.bpf.BpfInterpreter;
import dev.basepoint.sandbox.bpf.OnViolation;
import dev.basepoint.sandbox.bpf.SeccompCompiler;
import dev.basepoint.sandbox.bpf.SeccompData;
import dev.basepoint.sandbox.bpf.SeccompReturn;
import dev.basepoint.sandbox.policy.ArgumentSet;
import dev.basepoint.sandbox.policy.ArgumentTest;
import dev.basepoint.sandbox.policy.Condition;
import dev.basepoint.sandbox.policy.Policy;
import dev.basepoint.sandbox.policy.SyscallRule;
import dev.basepoint.sandbox.policy.SyscallTable;
import dev.basepoint.sandbox.policy.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Replays every rule of a policy through the compiled filter: with arguments that it permits, and
 * with arguments that break one condition at a time; replays every call that no rule names; and
 * finds rules that another one makes redundant.
 */
public final class PolicyChecker {
  /** A pid as good as any to bind {@code self} to. */
  private static final int SAMPLE_PID = 4711;

  /**
   * The outcome for one policy.
   *
   * @param permitted calls replayed that must pass
   * @param forbidden calls replayed that must not
   * @param failures replays with another result than the rules demand; empty when all is well
   * @param redundant rules that could be deleted without any effect
   */
  public record Report(
      String role,
      int rules,
      int instructions,
      int permitted,
      int forbidden,
      List<String> failures,
      List<String> redundant) {
    public Report {
      failures = List.copyOf(failures);
      redundant = List.copyOf(redundant);
    }

    /** Whether every replay went as it must and no rule is redundant. */
    public boolean clean() {
      return failures.isEmpty() && redundant.isEmpty();
    }
  }

  private final Policy policy;
  private final BpfInterpreter filter;
  private final int instructions;
  private final List<String> failures = new ArrayList<>();
  private int permitted;
  private int forbidden;

  private PolicyChecker(Policy policy) {
    this.policy = policy.forProcess(SAMPLE_PID);
    var program = SeccompCompiler.compile(this.policy, OnViolation.KILL_PROCESS);
    this.instructions = program.instructions().size();
    this.filter = new BpfInterpreter(program);
  }

  /** Checks {@code policy}. */
  public static Report check(Policy policy) {
    return new PolicyChecker(policy).run();
  }

  private Report run() {
    List<String> redundant = new ArrayList<>();
    for (SyscallRule rule : policy.rules()) {
      replay(rule);
      for (SyscallRule other : policy.rulesFor(rule.syscall().number())) {
        if (!other.equals(rule) && covers(other, rule)) {
          redundant.add(
              "%s: '%s when %s' is covered by %s"
                  .formatted(
                      rule.where(), rule.syscall().name(), rule.conditionText(), other.where()));
        }
      }
    }
    replayUnnamed();
    return new Report(
        policy.role(),
        policy.rules().size(),
        instructions,
        permitted,
        forbidden,
        failures,
        redundant);
  }

  private void replay(SyscallRule rule) {
    Optional<long[]> found = permittedArguments(rule);
    if (found.isEmpty()) {
      failures.add(
          "%s: '%s when %s' can never hold"
              .formatted(rule.where(), rule.syscall().name(), rule.conditionText()));
      return;
    }
    long[] arguments = found.get();
    expect(rule.syscall().number(), arguments);
    for (Condition condition : rule.conditions()) {
      for (List<ArgumentTest> escape : ArgumentSet.complement(condition.test())) {
        OptionalLong breaking = ArgumentSet.witness(escape, condition.maxValue());
        if (breaking.isPresent()) {
          long[] changed = arguments.clone();
          changed[condition.argument()] = breaking.getAsLong();
          expect(rule.syscall().number(), changed);
        }
      }
    }
  }

  private static Optional<long[]> permittedArguments(SyscallRule rule) {
    long[] arguments = new long[6];
    for (Condition condition : rule.conditions()) {
      OptionalLong value =
          ArgumentSet.witness(testsOf(rule, condition.argument()), condition.maxValue());
      if (value.isEmpty()) {
        return Optional.empty();
      }
      arguments[condition.argument()] = value.getAsLong();
    }
    return Optional.of(arguments);
  }

  /** Calls without a rule, by every known number and just past the end of the table. */
  private void replayUnnamed() {
    for (int number = 0; number <= SyscallTable.x86_64().highestNumber() + 1; number++) {
      if (policy.rulesFor(number).isEmpty()) {
        expect(number, new long[6]);
      }
    }
  }

  private void expect(int number, long[] arguments) {
    Verdict verdict = policy.decide(number, arguments).verdict();
    int expected =
        switch (verdict) {
          case Verdict.Allow _ -> SeccompReturn.SECCOMP_RET_ALLOW;
          case Verdict.Answer(String _, int errno) -> SeccompReturn.errno(errno);
          case Verdict.Violation _ -> SeccompReturn.SECCOMP_RET_KILL_PROCESS;
        };
    if (verdict instanceof Verdict.Allow) {
      permitted++;
    } else {
      forbidden++;
    }
    int result = filter.run(SeccompData.of(number, arguments));
    if (result != expected) {
      failures.add(
          "%s: the filter returns 0x%08x where the rules demand 0x%08x"
              .formatted(CallText.of(number, arguments), result, expected));
    }
  }

  private static boolean covers(SyscallRule wider, SyscallRule narrower) {
    if (!(wider.verdict() instanceof Verdict.Allow)
        || !(narrower.verdict() instanceof Verdict.Allow)) {
      return false;
    }
    for (Condition condition : wider.conditions()) {
      List<ArgumentTest> tests = testsOf(narrower, condition.argument());
      if (!ArgumentSet.implies(tests, condition.test(), condition.maxValue())) {
        return false;
      }
    }
    return true;
  }

  private static List<ArgumentTest> testsOf(SyscallRule rule, int argument) {
    return rule.conditions().stream()
        .filter(c -> c.argument() == argument)
        .map(Condition::test)
        .toList();
  }
}
