package dev.basepoint.sandbox.report;

import dev.basepoint.sandbox.policy.Policy;
import dev.basepoint.sandbox.policy.Syscall;
import dev.basepoint.sandbox.policy.SyscallRule;
import dev.basepoint.sandbox.policy.SyscallTable;
import dev.basepoint.sandbox.policy.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Says whether a role may make a system call, under which conditions and why. */
public final class PolicyExplainer {
  /**
   * The answer.
   *
   * @param lines plain text, the verdict first
   * @param permitted whether at least one form of the call is allowed
   */
  public record Explanation(String role, String syscall, boolean permitted, List<String> lines) {
    public Explanation {
      lines = List.copyOf(lines);
    }
  }

  private PolicyExplainer() {}

  /** Explains {@code name}; empty if x86-64 has no such call. */
  public static Optional<Explanation> explain(Policy policy, String name) {
    return SyscallTable.x86_64().byName(name).map(syscall -> explain(policy, syscall));
  }

  /** Explains one concrete call, as a violation report names it. */
  public static String explainCall(Policy policy, int number, long[] arguments) {
    String call = CallText.of(number, arguments);
    Policy.Decision decision = policy.decide(number, arguments);
    if (decision.rule().isPresent()) {
      SyscallRule rule = decision.rule().get();
      return call + ": " + verdict(rule.verdict()) + " by " + rule.where() + ", " + rule.reason();
    }
    List<SyscallRule> rules = policy.rulesFor(number);
    if (rules.isEmpty()) {
      return call + ": no line of " + policy.role() + ".policy allows it";
    }
    List<String> forms = new ArrayList<>();
    for (SyscallRule rule : rules) {
      forms.add(rule.where() + " allows it when " + rule.conditionText());
    }
    return call + ": not with these arguments; " + String.join("; ", forms);
  }

  private static Explanation explain(Policy policy, Syscall syscall) {
    List<SyscallRule> rules = policy.rulesFor(syscall.number());
    List<String> lines = new ArrayList<>();
    boolean permitted = rules.stream().anyMatch(r -> r.verdict() instanceof Verdict.Allow);
    if (rules.isEmpty()) {
      lines.add(
          policy.role() + " may not call " + syscall.name() + ": no line of its policy allows it");
    } else {
      lines.add(
          permitted
              ? policy.role() + " may call " + CallText.signature(syscall)
              : policy.role() + " may not call " + syscall.name());
      for (SyscallRule rule : rules) {
        lines.add("  " + verdict(rule.verdict()) + " " + rule.conditionText());
        lines.add("    why:   " + rule.reason());
        lines.add("    where: " + rule.where());
      }
    }
    return new Explanation(policy.role(), syscall.name(), permitted, lines);
  }

  static String verdict(Verdict verdict) {
    return switch (verdict) {
      case Verdict.Allow _ -> "allowed";
      case Verdict.Answer(String errno, int _) -> "answered with " + errno;
      case Verdict.Violation _ -> "a violation";
    };
  }
}
