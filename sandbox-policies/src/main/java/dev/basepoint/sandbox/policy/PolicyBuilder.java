package dev.basepoint.sandbox.policy;

import dev.basepoint.sandbox.policy.Confinement.CgroupLimit;
import dev.basepoint.sandbox.policy.Confinement.DeclaredFd;
import dev.basepoint.sandbox.policy.Confinement.DeclaredMapping;
import dev.basepoint.sandbox.policy.Confinement.LandlockJvmOnly;
import dev.basepoint.sandbox.policy.Confinement.NoCapabilities;
import dev.basepoint.sandbox.policy.Confinement.OwnNamespace;
import dev.basepoint.sandbox.policy.Confinement.ResourceLimit;
import dev.basepoint.sandbox.policy.Confinement.UidRange;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What a policy file and its fragments have said so far. */
final class PolicyBuilder {
  private final Map<String, SourceLine> said = new HashMap<>();

  final RuleSet rules = new RuleSet();
  final List<String> includes = new ArrayList<>();
  final List<OwnNamespace> namespaces = new ArrayList<>();
  final List<ResourceLimit> limits = new ArrayList<>();
  final List<CgroupLimit> cgroup = new ArrayList<>();
  final List<DeclaredFd> fds = new ArrayList<>();
  final List<DeclaredMapping> mappings = new ArrayList<>();
  UidRange uids;
  NoCapabilities capabilities;
  LandlockJvmOnly landlock;

  /** Refuses a second statement about the same {@code subject}. */
  void once(Statement statement, String subject) throws PolicyException {
    SourceLine earlier = said.putIfAbsent(subject, statement.where());
    if (earlier != null) {
      throw statement.error("duplicate: '" + subject + "' stands at " + earlier);
    }
  }

  Policy build(Statement head, String role) throws PolicyException {
    demand(head, uids != null, "uid FIRST..LAST");
    demand(head, capabilities != null, "capability none");
    demand(head, landlock != null, "landlock jvm-only");
    demand(head, !namespaces.isEmpty(), "namespace NAME");
    demand(head, !limits.isEmpty(), "limit RESOURCE VALUE");
    demand(head, !cgroup.isEmpty(), "cgroup KEY VALUE");
    demand(head, !fds.isEmpty(), "fd NAME KIND COUNT");
    return new Policy(
        role,
        head.reason(),
        includes,
        rules.rules(),
        namespaces,
        uids,
        capabilities,
        landlock,
        limits,
        cgroup,
        fds,
        mappings);
  }

  private static void demand(Statement head, boolean present, String usage) throws PolicyException {
    if (!present) {
      throw head.error("the policy is incomplete: it has no '" + usage + "' statement");
    }
  }
}
