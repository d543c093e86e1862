package dev.basepoint.sandbox.report;

import dev.basepoint.sandbox.policy.Confinement.CgroupLimit;
import dev.basepoint.sandbox.policy.Confinement.DeclaredFd;
import dev.basepoint.sandbox.policy.Confinement.DeclaredMapping;
import dev.basepoint.sandbox.policy.Confinement.OwnNamespace;
import dev.basepoint.sandbox.policy.Confinement.ResourceLimit;
import dev.basepoint.sandbox.policy.Policy;
import dev.basepoint.sandbox.policy.SourceLine;
import dev.basepoint.sandbox.policy.SyscallRule;
import dev.basepoint.sandbox.policy.Verdict;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/** A role's effective policy, includes merged: as text, and as a model for JSON. */
public final class PolicyPrinter {
  private static final String SYSCALLS = "system calls";
  private static final int COLUMN = 40;

  private record Entry(String what, String reason, SourceLine where) {}

  private PolicyPrinter() {}

  /** Plain text, one statement a line, each with its reason. */
  public static String text(Policy policy) {
    StringBuilder out = new StringBuilder();
    out.append(policy.role()).append(": ").append(policy.summary()).append('\n');
    if (!policy.includes().isEmpty()) {
      out.append("includes ").append(String.join(", ", policy.includes())).append('\n');
    }
    for (Map.Entry<String, List<Entry>> section : sections(policy).entrySet()) {
      out.append('\n').append(section.getKey()).append('\n');
      for (Entry entry : section.getValue()) {
        String gap = " ".repeat(Math.max(2, COLUMN - entry.what().length()));
        out.append("  ").append(entry.what()).append(gap).append(entry.reason());
        out.append("  [").append(entry.where()).append("]\n");
      }
    }
    return out.toString();
  }

  /** The same facts as maps, lists, strings and numbers, in a stable order. */
  public static Map<String, Object> model(Policy policy) {
    Map<String, Object> model = new LinkedHashMap<>();
    model.put("role", policy.role());
    model.put("summary", policy.summary());
    model.put("includes", policy.includes());
    List<Object> syscalls = new ArrayList<>();
    for (SyscallRule rule : policy.rules()) {
      syscalls.add(model(rule));
    }
    model.put("syscalls", syscalls);
    for (Map.Entry<String, List<Entry>> section : sections(policy).entrySet()) {
      if (!section.getKey().equals(SYSCALLS)) {
        List<Object> entries = new ArrayList<>();
        for (Entry entry : section.getValue()) {
          Map<String, Object> fact = new LinkedHashMap<>();
          fact.put("what", entry.what());
          fact.put("reason", entry.reason());
          fact.put("where", entry.where().toString());
          entries.add(fact);
        }
        model.put(section.getKey(), entries);
      }
    }
    return model;
  }

  /** One rule, as {@link #model(Policy)} has it. */
  public static Map<String, Object> model(SyscallRule rule) {
    Map<String, Object> entry = new LinkedHashMap<>();
    entry.put("syscall", rule.syscall().name());
    entry.put("number", rule.syscall().number());
    entry.put("verdict", PolicyExplainer.verdict(rule.verdict()));
    entry.put("when", rule.conditionText());
    entry.put("reason", rule.reason());
    entry.put("where", rule.where().toString());
    return entry;
  }

  private static Map<String, List<Entry>> sections(Policy policy) {
    Map<String, List<Entry>> sections = new LinkedHashMap<>();
    sections.put(
        "namespaces",
        policy.namespaces().stream()
            .map((OwnNamespace n) -> new Entry(n.namespace().id(), n.reason(), n.where()))
            .toList());
    sections.put(
        "identity",
        List.of(
            new Entry(
                "uid " + policy.uids().first() + ".." + policy.uids().last(),
                policy.uids().reason(),
                policy.uids().where()),
            new Entry(
                "no capability", policy.capabilities().reason(), policy.capabilities().where()),
            new Entry("landlock", policy.landlock().reason(), policy.landlock().where())));
    sections.put(
        "limits",
        policy.limits().stream()
            .map(
                (ResourceLimit l) ->
                    new Entry(
                        l.resource()
                            + " "
                            + number(l.value())
                            + (l.onceWarm() ? ", once warm" : ""),
                        l.reason(),
                        l.where()))
            .toList());
    sections.put(
        "cgroup",
        policy.cgroup().stream()
            .map(
                (CgroupLimit l) ->
                    new Entry(l.key() + " " + number(l.value()), l.reason(), l.where()))
            .toList());
    sections.put(
        "descriptors",
        policy.fds().stream()
            .map(
                (DeclaredFd f) ->
                    new Entry(
                        "%s (%s) %s%s"
                            .formatted(
                                f.name(), f.kind(), f.count(), f.passing() ? ", in passing" : ""),
                        f.reason(),
                        f.where()))
            .toList());
    sections.put(
        "shared mappings",
        policy.mappings().stream()
            .map(
                (DeclaredMapping m) ->
                    new Entry(
                        "%s (%s) %s".formatted(m.name(), m.kind(), m.count()),
                        m.reason(),
                        m.where()))
            .toList());
    sections.put(SYSCALLS, policy.rules().stream().map(PolicyPrinter::entry).toList());
    return sections;
  }

  private static Entry entry(SyscallRule rule) {
    String what = rule.syscall().name();
    if (!rule.conditions().isEmpty()) {
      what += " when " + rule.conditionText();
    }
    if (rule.verdict() instanceof Verdict.Answer) {
      what += " " + PolicyExplainer.verdict(rule.verdict());
    }
    return new Entry(what, rule.reason(), rule.where());
  }

  private static String number(OptionalLong value) {
    return value.isPresent() ? Long.toString(value.getAsLong()) : "given by the launcher";
  }
}
