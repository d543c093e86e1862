package dev.basepoint.sandbox.policy;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/** Reads {@code allow} and {@code answer} statements. */
final class RuleParser {
  private final SyscallTable syscalls;
  private final Constants constants;

  RuleParser(SyscallTable syscalls, Constants constants) {
    this.syscalls = syscalls;
    this.constants = constants;
  }

  /** {@code allow SYSCALL [when CONDITION [and CONDITION]...]}. */
  SyscallRule allow(Statement statement) throws PolicyException {
    List<String> words = statement.words();
    if (words.isEmpty()) {
      throw statement.error("write it as 'allow SYSCALL [when CONDITIONS] -- WHY'");
    }
    Syscall syscall = syscall(statement, words.getFirst());
    List<Condition> conditions = List.of();
    if (words.size() > 1) {
      if (!words.get(1).equals("when")) {
        throw statement.error("expected 'when' after '" + words.getFirst() + "'");
      }
      conditions =
          new ConditionParser(statement, syscall, constants).parse(words.subList(2, words.size()));
    }
    SyscallRule rule =
        new SyscallRule(
            syscall, new Verdict.Allow(), conditions, statement.reason(), statement.where());
    refuseContradiction(statement, rule);
    return rule;
  }

  /** {@code answer SYSCALL ERRNO}. */
  SyscallRule answer(Statement statement) throws PolicyException {
    statement.expectWords(2, "answer SYSCALL ERRNO");
    Syscall syscall = syscall(statement, statement.words().get(0));
    String name = statement.words().get(1);
    long errno =
        constants
            .value(name)
            .filter(value -> name.startsWith("E"))
            .orElseThrow(() -> statement.error("unknown error number '" + name + "'"));
    return new SyscallRule(
        syscall,
        new Verdict.Answer(name, Math.toIntExact(errno)),
        List.of(),
        statement.reason(),
        statement.where());
  }

  private Syscall syscall(Statement statement, String name) throws PolicyException {
    return syscalls
        .byName(name)
        .orElseThrow(
            () ->
                statement.error(
                    "unknown system call '"
                        + name
                        + "'"
                        + syscalls
                            .nearest(name)
                            .map(n -> "; did you mean '" + n + "'?")
                            .orElse("")));
  }

  private static void refuseContradiction(Statement statement, SyscallRule rule)
      throws PolicyException {
    Map<Integer, List<Condition>> byArgument =
        rule.conditions().stream()
            .filter(c -> !(c.test() instanceof ArgumentTest.OwnPid))
            .collect(Collectors.groupingBy(Condition::argument, HashMap::new, Collectors.toList()));
    for (List<Condition> conditions : byArgument.values()) {
      OptionalLong witness =
          ArgumentSet.witness(
              conditions.stream().map(Condition::test).toList(), conditions.getFirst().maxValue());
      if (witness.isEmpty()) {
        throw statement.error(
            "contradictory: no value of '"
                + conditions.getFirst().name()
                + "' satisfies "
                + conditions.stream().map(Condition::text).collect(Collectors.joining(" and ")));
      }
    }
  }
}
