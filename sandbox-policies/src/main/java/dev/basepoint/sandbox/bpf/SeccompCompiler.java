package dev.basepoint.sandbox.bpf;

import dev.basepoint.sandbox.bpf.BpfAssembler.Label;
import dev.basepoint.sandbox.policy.ArgumentTest;
import dev.basepoint.sandbox.policy.Condition;
import dev.basepoint.sandbox.policy.Policy;
import dev.basepoint.sandbox.policy.SyscallRule;
import dev.basepoint.sandbox.policy.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Compiles a policy's system call rules to a seccomp filter for x86-64.
 *
 * <p>Order: foreign architecture and the x32 ABI are killed; then a binary search over the call
 * numbers; then the rules of that one call, each argument compared as two 32-bit halves, since
 * classic BPF has no 64-bit words. (Calls allowed whatever their arguments never run the filter:
 * the kernel caches that verdict.)
 */
public final class SeccompCompiler {
  /** __X32_SYSCALL_BIT of asm/unistd.h. */
  static final int X32_SYSCALL_BIT = 0x4000_0000;

  private final BpfAssembler out = new BpfAssembler();
  private final Label violation = new Label();

  private SeccompCompiler() {}

  /**
   * Compiles {@code policy}, which must be bound to a process by {@link Policy#forProcess} if a
   * rule uses {@code self}.
   */
  public static BpfProgram compile(Policy policy, OnViolation onViolation) {
    return new SeccompCompiler().program(policy, onViolation);
  }

  private BpfProgram program(Policy policy, OnViolation onViolation) {
    TreeMap<Integer, List<SyscallRule>> byNumber = new TreeMap<>();
    for (SyscallRule rule : policy.rules()) {
      byNumber.computeIfAbsent(rule.syscall().number(), _ -> new ArrayList<>()).add(rule);
    }
    Label foreign = new Label();
    Label native64 = new Label();
    Label search = new Label();
    out.load(SeccompData.ARCH_OFFSET);
    out.branch(BpfOpcode.BPF_JEQ, SeccompData.AUDIT_ARCH_X86_64, native64, foreign);
    out.place(native64);
    out.load(SeccompData.NR_OFFSET);
    out.branch(BpfOpcode.BPF_JGE, X32_SYSCALL_BIT, foreign, search);
    out.place(search);
    search(new ArrayList<>(byNumber.entrySet()));
    out.place(violation);
    out.ret(onViolation.filterResult());
    out.place(foreign);
    out.ret(SeccompReturn.SECCOMP_RET_KILL_PROCESS);
    return out.assemble();
  }

  private void search(List<Map.Entry<Integer, List<SyscallRule>>> calls) {
    if (calls.isEmpty()) {
      out.jump(violation);
      return;
    }
    if (calls.size() == 1) {
      Label rules = new Label();
      out.branch(BpfOpcode.BPF_JEQ, calls.getFirst().getKey(), rules, violation);
      out.place(rules);
      rules(calls.getFirst().getValue());
      return;
    }
    int middle = calls.size() / 2;
    Label lower = new Label();
    Label upper = new Label();
    out.branch(BpfOpcode.BPF_JGE, calls.get(middle).getKey(), upper, lower);
    out.place(lower);
    search(calls.subList(0, middle));
    out.place(upper);
    search(calls.subList(middle, calls.size()));
  }

  private void rules(List<SyscallRule> rules) {
    for (SyscallRule rule : rules) {
      if (rule.verdict() instanceof Verdict.Allow) {
        Label next = new Label();
        for (Condition condition : rule.conditions()) {
          test(condition, next);
        }
        out.ret(SeccompReturn.SECCOMP_RET_ALLOW);
        if (rule.conditions().isEmpty()) {
          return;
        }
        out.place(next);
      }
    }
    for (SyscallRule rule : rules) {
      if (rule.verdict() instanceof Verdict.Answer(String _, int errno)) {
        out.ret(SeccompReturn.errno(errno));
        return;
      }
    }
    out.jump(violation);
  }

  /** Falls through when the condition holds and jumps to {@code fails} when it does not. */
  private void test(Condition condition, Label fails) {
    switch (condition.test()) {
      case ArgumentTest.MaskedEqual(long mask, long value) -> {
        if (!condition.narrow()) {
          halfEquals(highOffset(condition), high(mask), high(value), fails);
        }
        halfEquals(lowOffset(condition), (int) mask, (int) value, fails);
      }
      case ArgumentTest.NotEqual(long value) -> notEqual(condition, value, fails);
      case ArgumentTest.InRange(long first, long last) -> {
        atLeast(condition, first, fails);
        atMost(condition, last, fails);
      }
      case ArgumentTest.OneOf(List<Long> values) -> oneOf(condition, values, fails);
      case ArgumentTest.OwnPid _ ->
          throw new IllegalStateException("bind the policy to a process before compiling it");
    }
  }

  private void halfEquals(int offset, int mask, int value, Label fails) {
    if (mask == 0) {
      return;
    }
    Label holds = new Label();
    out.load(offset);
    if (mask != -1) {
      out.and(mask);
    }
    out.branch(BpfOpcode.BPF_JEQ, value, holds, fails);
    out.place(holds);
  }

  private void notEqual(Condition condition, long value, Label fails) {
    Label holds = new Label();
    if (!condition.narrow()) {
      Label low = new Label();
      out.load(highOffset(condition));
      out.branch(BpfOpcode.BPF_JEQ, high(value), low, holds);
      out.place(low);
    }
    out.load(lowOffset(condition));
    out.branch(BpfOpcode.BPF_JEQ, (int) value, fails, holds);
    out.place(holds);
  }

  private void atLeast(Condition condition, long first, Label fails) {
    Label holds = new Label();
    if (!condition.narrow()) {
      Label notAbove = new Label();
      Label low = new Label();
      out.load(highOffset(condition));
      out.branch(BpfOpcode.BPF_JGT, high(first), holds, notAbove);
      out.place(notAbove);
      out.branch(BpfOpcode.BPF_JEQ, high(first), low, fails);
      out.place(low);
    }
    out.load(lowOffset(condition));
    out.branch(BpfOpcode.BPF_JGE, (int) first, holds, fails);
    out.place(holds);
  }

  private void atMost(Condition condition, long last, Label fails) {
    Label holds = new Label();
    if (!condition.narrow()) {
      Label below = new Label();
      Label low = new Label();
      out.load(highOffset(condition));
      out.branch(BpfOpcode.BPF_JGE, high(last), below, holds);
      out.place(below);
      out.branch(BpfOpcode.BPF_JEQ, high(last), low, fails);
      out.place(low);
    }
    out.load(lowOffset(condition));
    out.branch(BpfOpcode.BPF_JGT, (int) last, fails, holds);
    out.place(holds);
  }

  private void oneOf(Condition condition, List<Long> values, Label fails) {
    Label holds = new Label();
    for (long value : values) {
      Label next = new Label();
      if (!condition.narrow()) {
        Label low = new Label();
        out.load(highOffset(condition));
        out.branch(BpfOpcode.BPF_JEQ, high(value), low, next);
        out.place(low);
      }
      out.load(lowOffset(condition));
      out.branch(BpfOpcode.BPF_JEQ, (int) value, holds, next);
      out.place(next);
    }
    out.jump(fails);
    out.place(holds);
  }

  private static int high(long value) {
    return (int) (value >>> Integer.SIZE);
  }

  private static int lowOffset(Condition condition) {
    return SeccompData.ARGS_OFFSET + condition.argument() * Long.BYTES;
  }

  private static int highOffset(Condition condition) {
    return lowOffset(condition) + Integer.BYTES;
  }
}
