package dev.basepoint.sandbox.policy;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;

/** Collects rules and refuses those that repeat or contradict an earlier one. */
final class RuleSet {
  private final List<SyscallRule> rules = new ArrayList<>();

  void add(SyscallRule rule) throws PolicyException {
    for (SyscallRule earlier : rules) {
      if (earlier.syscall().number() == rule.syscall().number()) {
        check(earlier, rule);
      }
    }
    rules.add(rule);
  }

  List<SyscallRule> rules() {
    return rules;
  }

  private static void check(SyscallRule earlier, SyscallRule rule) throws PolicyException {
    boolean sameKind = earlier.verdict().getClass() == rule.verdict().getClass();
    String name = rule.syscall().name();
    if (sameKind && sameConditions(earlier, rule)) {
      boolean same = earlier.verdict().equals(rule.verdict());
      throw new PolicyException(
          rule.where(),
          (same ? "duplicate: '" : "contradictory: '") + name + "' stands at " + earlier.where());
    }
    boolean anyUnconditionalAllow = unconditionalAllow(earlier) || unconditionalAllow(rule);
    if (anyUnconditionalAllow) {
      throw new PolicyException(
          rule.where(),
          "contradictory: '%s' %s here, but at %s %s"
              .formatted(name, describe(rule), earlier.where(), describe(earlier)));
    }
  }

  private static boolean sameConditions(SyscallRule a, SyscallRule b) {
    return new HashSet<>(tests(a)).equals(new HashSet<>(tests(b)));
  }

  private record Tested(int argument, ArgumentTest test) {}

  private static List<Tested> tests(SyscallRule rule) {
    return rule.conditions().stream().map(c -> new Tested(c.argument(), c.test())).toList();
  }

  private static boolean unconditionalAllow(SyscallRule rule) {
    return rule.verdict() instanceof Verdict.Allow && rule.conditions().isEmpty();
  }

  private static String describe(SyscallRule rule) {
    return switch (rule.verdict()) {
      case Verdict.Allow _ when rule.conditions().isEmpty() -> "is allowed whatever its arguments";
      case Verdict.Allow _ -> "is allowed only when " + rule.conditionText();
      case Verdict.Answer(String errno, int _) -> "is answered with " + errno;
      case Verdict.Violation _ -> "is a violation";
    };
  }
}
