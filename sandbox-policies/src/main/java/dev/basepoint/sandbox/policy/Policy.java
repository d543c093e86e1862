package dev.basepoint.sandbox.policy;

import dev.basepoint.sandbox.policy.Confinement.CgroupLimit;
import dev.basepoint.sandbox.policy.Confinement.DeclaredFd;
import dev.basepoint.sandbox.policy.Confinement.DeclaredMapping;
import dev.basepoint.sandbox.policy.Confinement.LandlockJvmOnly;
import dev.basepoint.sandbox.policy.Confinement.NoCapabilities;
import dev.basepoint.sandbox.policy.Confinement.OwnNamespace;
import dev.basepoint.sandbox.policy.Confinement.ResourceLimit;
import dev.basepoint.sandbox.policy.Confinement.UidRange;
import java.util.List;
import java.util.Optional;

/**
 * All that one role may do: its own file and the fragments that it includes, merged.
 *
 * @param role the name on the file's first line
 * @param includes the fragments' names
 */
public record Policy(
    String role,
    String summary,
    List<String> includes,
    List<SyscallRule> rules,
    List<OwnNamespace> namespaces,
    UidRange uids,
    NoCapabilities capabilities,
    LandlockJvmOnly landlock,
    List<ResourceLimit> limits,
    List<CgroupLimit> cgroup,
    List<DeclaredFd> fds,
    List<DeclaredMapping> mappings) {

  /**
   * What happens to one call, and by which rule.
   *
   * @param rule empty for a violation
   */
  public record Decision(Verdict verdict, Optional<SyscallRule> rule) {}

  public Policy {
    includes = List.copyOf(includes);
    rules = List.copyOf(rules);
    namespaces = List.copyOf(namespaces);
    limits = List.copyOf(limits);
    cgroup = List.copyOf(cgroup);
    fds = List.copyOf(fds);
    mappings = List.copyOf(mappings);
  }

  /** Decides a call directly from the rules: the meaning that every compiled form must have. */
  public Decision decide(int number, long[] arguments) {
    Optional<SyscallRule> answer = Optional.empty();
    for (SyscallRule rule : rulesFor(number)) {
      if (rule.covers(arguments)) {
        if (rule.verdict() instanceof Verdict.Allow) {
          return new Decision(rule.verdict(), Optional.of(rule));
        }
        answer = Optional.of(rule);
      }
    }
    return new Decision(answer.map(SyscallRule::verdict).orElseGet(Verdict.Violation::new), answer);
  }

  /** The rules for one call, in the files' order. */
  public List<SyscallRule> rulesFor(int number) {
    return rules.stream().filter(rule -> rule.syscall().number() == number).toList();
  }

  /** This policy with {@code self} standing for {@code pid}, as the process itself sees it. */
  public Policy forProcess(int pid) {
    ArgumentTest own = new ArgumentTest.MaskedEqual(0xffff_ffffL, Integer.toUnsignedLong(pid));
    List<SyscallRule> bound =
        rules.stream()
            .map(
                rule ->
                    new SyscallRule(
                        rule.syscall(),
                        rule.verdict(),
                        rule.conditions().stream()
                            .map(c -> c.test() instanceof ArgumentTest.OwnPid ? c.withTest(own) : c)
                            .toList(),
                        rule.reason(),
                        rule.where()))
            .toList();
    return new Policy(
        role,
        summary,
        includes,
        bound,
        namespaces,
        uids,
        capabilities,
        landlock,
        limits,
        cgroup,
        fds,
        mappings);
  }
}
