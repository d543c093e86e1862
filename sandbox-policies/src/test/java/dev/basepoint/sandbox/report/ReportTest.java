package dev.basepoint.sandbox.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.sandbox.policy.Policy;
import dev.basepoint.sandbox.policy.PolicyException;
import dev.basepoint.sandbox.policy.PolicyParser;
import dev.basepoint.sandbox.policy.Role;
import dev.basepoint.sandbox.policy.SyscallRule;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ReportTest {
  private static Policy policy(String rules) throws PolicyException {
    return new PolicyParser(_ -> Optional.empty())
        .parse(
            "t.policy",
            """
            role t -- a test
            namespace pid -- alone
            uid 300000..300009 -- its own
            capability none -- needs none
            landlock jvm-only -- no files
            limit nofile 64 -- enough
            cgroup pids.max 64 -- enough
            fd std null 3 -- the three
            """
                + rules);
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void shippedPoliciesCheckClean(Role role) {
    Policy policy = PolicyParser.shipped(role);
    PolicyChecker.Report report = PolicyChecker.check(policy);
    assertEquals(List.of(), report.failures());
    assertEquals(List.of(), report.redundant());
    assertTrue(report.permitted() >= report.rules() - 1, report::toString);
    assertTrue(report.forbidden() > 350, report::toString);
  }

  @Test
  void findsRedundantRules() throws PolicyException {
    PolicyChecker.Report report =
        PolicyChecker.check(
            policy(
                """
                allow mmap when prot lacks PROT_EXEC -- wide
                allow mmap when prot only PROT_READ|PROT_WRITE and len in 0..4096 -- narrow
                allow mmap when prot only PROT_READ|PROT_EXEC -- other
                allow kill when pid == self -- own
                """));
    assertEquals(
        List.of(
            "t.policy:10: 'mmap when prot only PROT_READ|PROT_WRITE and len in 0..4096'"
                + " is covered by t.policy:9"),
        report.redundant());
    assertEquals(List.of(), report.failures());
    assertFalse(report.clean());
  }

  @Test
  void explainsCalls() throws PolicyException {
    Policy policy =
        policy(
            """
            allow mmap when prot lacks PROT_EXEC -- heap
            answer clone3 ENOSYS -- unreadable flags
            """);
    PolicyExplainer.Explanation mmap = PolicyExplainer.explain(policy, "mmap").orElseThrow();
    assertTrue(mmap.permitted());
    assertEquals(
        List.of(
            "t may call mmap(addr, len, prot, flags, fd, off)",
            "  allowed prot lacks PROT_EXEC",
            "    why:   heap",
            "    where: t.policy:9"),
        mmap.lines());
    PolicyExplainer.Explanation clone3 = PolicyExplainer.explain(policy, "clone3").orElseThrow();
    assertFalse(clone3.permitted());
    assertTrue(clone3.lines().contains("  answered with ENOSYS always"), clone3::toString);
    assertEquals(
        List.of("t may not call ptrace: no line of its policy allows it"),
        PolicyExplainer.explain(policy, "ptrace").orElseThrow().lines());
    assertEquals(Optional.empty(), PolicyExplainer.explain(policy, "no_such_call"));
  }

  @Test
  void explainsOneConcreteCall() throws PolicyException {
    Policy policy = policy("allow mmap when prot lacks PROT_EXEC -- heap\n");
    assertEquals(
        "openat(dfd=-100, filename=0x7f0000001000, flags=0, mode=0): no line of t.policy allows it",
        PolicyExplainer.explainCall(
            policy, 257, new long[] {0xffff_ff9cL, 0x7f00_0000_1000L, 0, 0, 0, 0}));
    assertEquals(
        "mmap(addr=0, len=0x1000, prot=7, flags=34, fd=-1, off=0): not with these arguments;"
            + " t.policy:9 allows it when prot lacks PROT_EXEC",
        PolicyExplainer.explainCall(policy, 9, new long[] {0, 4096, 7, 34, -1, 0}));
    assertEquals(
        "mmap(addr=0, len=0x1000, prot=3, flags=34, fd=-1, off=0): allowed by t.policy:9, heap",
        PolicyExplainer.explainCall(policy, 9, new long[] {0, 4096, 3, 34, -1, 0}));
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void printsEveryRuleWithItsReason(Role role) {
    Policy policy = PolicyParser.shipped(role);
    String text = PolicyPrinter.text(policy);
    for (SyscallRule rule : policy.rules()) {
      assertTrue(text.contains(rule.reason() + "  [" + rule.where() + "]"), rule::toString);
    }
    Map<String, Object> model = PolicyPrinter.model(policy);
    assertEquals(role.id(), model.get("role"));
    assertEquals(policy.rules().size(), ((List<?>) model.get("syscalls")).size());
    assertEquals(7, ((List<?>) model.get("namespaces")).size());
  }
}
