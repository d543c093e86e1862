package dev.basepoint.sandbox.policy;

import java.util.List;
import java.util.stream.Collectors;

/**
 * One statement about one system call. All conditions must hold; several rules for one call are
 * alternatives.
 *
 * @param verdict {@link Verdict.Allow} or {@link Verdict.Answer}
 */
public record SyscallRule(
    Syscall syscall, Verdict verdict, List<Condition> conditions, String reason, SourceLine where) {
  public SyscallRule {
    conditions = List.copyOf(conditions);
  }

  /** Whether the rule covers a call with these six arguments. */
  public boolean covers(long[] arguments) {
    for (Condition condition : conditions) {
      if (!condition.accepts(arguments)) {
        return false;
      }
    }
    return true;
  }

  /** The conditions as text, or {@code "always"}. */
  public String conditionText() {
    return conditions.isEmpty()
        ? "always"
        : conditions.stream().map(Condition::text).collect(Collectors.joining(" and "));
  }
}
