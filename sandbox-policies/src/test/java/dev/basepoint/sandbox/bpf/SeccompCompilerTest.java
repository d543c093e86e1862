package dev.basepoint.sandbox.bpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.sandbox.policy.ArgumentTest;
import dev.basepoint.sandbox.policy.Condition;
import dev.basepoint.sandbox.policy.Policy;
import dev.basepoint.sandbox.policy.PolicyParser;
import dev.basepoint.sandbox.policy.Role;
import dev.basepoint.sandbox.policy.SourceLine;
import dev.basepoint.sandbox.policy.Syscall;
import dev.basepoint.sandbox.policy.SyscallRule;
import dev.basepoint.sandbox.policy.SyscallTable;
import dev.basepoint.sandbox.policy.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Compiled filters, run by the reference interpreter, against direct evaluation of the rules. */
class SeccompCompilerTest {
  private static final long[] EDGES = {
    0,
    1,
    2,
    0x7fff_ffffL,
    0x8000_0000L,
    0xffff_fffeL,
    0xffff_ffffL,
    0x1_0000_0000L,
    0x1_0000_0001L,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -2,
    -1
  };

  private static Policy policy(List<SyscallRule> rules) {
    return new Policy(
        "test", "", List.of(), rules, List.of(), null, null, null, List.of(), List.of(), List.of(),
        List.of());
  }

  private static SyscallRule rule(int number, Verdict verdict, List<Condition> conditions) {
    Syscall syscall = SyscallTable.x86_64().byNumber(number).orElseThrow();
    return new SyscallRule(syscall, verdict, conditions, "", new SourceLine("t", 1));
  }

  private static Condition condition(int argument, boolean narrow, ArgumentTest test) {
    return new Condition(argument, "a", narrow, test, "");
  }

  private static int expected(Policy policy, int number, long[] arguments) {
    return switch (policy.decide(number, arguments).verdict()) {
      case Verdict.Allow _ -> SeccompReturn.SECCOMP_RET_ALLOW;
      case Verdict.Answer(String _, int errno) -> SeccompReturn.errno(errno);
      case Verdict.Violation _ -> SeccompReturn.SECCOMP_RET_USER_NOTIF;
    };
  }

  @Test
  void agreesWithTheRulesOnRandomPolicies() {
    SplittableRandom random = new SplittableRandom(42);
    int allowed = 0;
    int calls = 0;
    for (int round = 0; round < 600; round++) {
      List<Integer> numbers = new ArrayList<>();
      Policy policy = policy(randomRules(random, numbers));
      BpfInterpreter filter =
          new BpfInterpreter(SeccompCompiler.compile(policy, OnViolation.NOTIFY));
      for (int call = 0; call < 200; call++) {
        int number =
            random.nextInt(8) == 0
                ? random.nextInt(500)
                : numbers.get(random.nextInt(numbers.size()));
        long[] arguments = LongStream.range(0, 6).map(_ -> randomValue(random)).toArray();
        int expected = expected(policy, number, arguments);
        assertEquals(expected, filter.run(SeccompData.of(number, arguments)), policy::toString);
        allowed += expected == SeccompReturn.SECCOMP_RET_ALLOW ? 1 : 0;
        calls++;
      }
    }
    assertTrue(allowed > calls / 20 && allowed < calls * 19 / 20, allowed + " of " + calls);
  }

  private static List<SyscallRule> randomRules(SplittableRandom random, List<Integer> numbers) {
    List<SyscallRule> rules = new ArrayList<>();
    int syscalls = 1 + random.nextInt(60);
    for (int i = 0; i < syscalls; i++) {
      int number = random.nextInt(335);
      if (numbers.contains(number)) {
        continue;
      }
      numbers.add(number);
      int alternatives = random.nextInt(4);
      for (int a = 0; a < alternatives; a++) {
        List<Condition> conditions = new ArrayList<>();
        for (int c = random.nextInt(3); c >= 0; c--) {
          boolean narrow = random.nextBoolean();
          conditions.add(condition(random.nextInt(6), narrow, randomTest(random, narrow)));
        }
        rules.add(rule(number, new Verdict.Allow(), conditions));
      }
      if (alternatives == 0) {
        rules.add(rule(number, new Verdict.Allow(), List.of()));
      } else if (random.nextInt(3) == 0) {
        rules.add(rule(number, new Verdict.Answer("E", 1 + random.nextInt(133)), List.of()));
      }
    }
    return rules;
  }

  private static ArgumentTest randomTest(SplittableRandom random, boolean narrow) {
    long cut = narrow ? 0xffff_ffffL : -1;
    long value = randomValue(random) & cut;
    return switch (random.nextInt(5)) {
      case 0 -> new ArgumentTest.MaskedEqual(-1, value);
      case 1 -> {
        long mask = randomValue(random) & cut;
        yield new ArgumentTest.MaskedEqual(mask, value & mask);
      }
      case 2 -> new ArgumentTest.NotEqual(value);
      case 3 -> {
        long other = randomValue(random) & cut;
        boolean ordered = Long.compareUnsigned(value, other) <= 0;
        yield new ArgumentTest.InRange(ordered ? value : other, ordered ? other : value);
      }
      default -> {
        List<Long> values = new ArrayList<>();
        for (int i = random.nextInt(5); i >= 0; i--) {
          values.add(randomValue(random) & cut);
        }
        yield new ArgumentTest.OneOf(values);
      }
    };
  }

  private static long randomValue(SplittableRandom random) {
    return switch (random.nextInt(4)) {
      case 0 -> random.nextLong();
      case 1 -> random.nextInt(4);
      default -> EDGES[random.nextInt(EDGES.length)];
    };
  }

  @Test
  void reachesTargetsBeyondAConditionalJump() {
    List<SyscallRule> rules = new ArrayList<>();
    List<Long> many = LongStream.range(0, 250).map(i -> i * 0x1_0000_0001L).boxed().toList();
    for (int number : new int[] {0, 1, 9}) {
      rules.add(
          rule(
              number,
              new Verdict.Allow(),
              List.of(
                  condition(0, false, new ArgumentTest.OneOf(many)),
                  condition(1, false, new ArgumentTest.MaskedEqual(-1, 7)))));
    }
    Policy policy = policy(rules);
    BpfProgram program = SeccompCompiler.compile(policy, OnViolation.NOTIFY);
    assertTrue(program.instructions().size() > 2_500);
    BpfInterpreter filter = new BpfInterpreter(program);
    for (int number : new int[] {0, 1, 9, 2}) {
      for (long value : new long[] {0, 249 * 0x1_0000_0001L, 250 * 0x1_0000_0001L, 1, -1}) {
        for (long second : new long[] {7, 8}) {
          long[] arguments = {value, second, 0, 0, 0, 0};
          assertEquals(
              expected(policy, number, arguments), filter.run(SeccompData.of(number, arguments)));
        }
      }
    }
  }

  @Test
  void refusesProgramsTheKernelWouldNotTake() {
    List<Long> many = LongStream.range(0, 2_000).boxed().toList();
    Policy policy =
        policy(
            List.of(
                rule(
                    0,
                    new Verdict.Allow(),
                    List.of(condition(0, true, new ArgumentTest.OneOf(many))))));
    assertThrows(
        IllegalArgumentException.class,
        () -> SeccompCompiler.compile(policy, OnViolation.KILL_PROCESS));
  }

  @ParameterizedTest
  @EnumSource(OnViolation.class)
  void killsForeignArchitecturesAndX32(OnViolation onViolation) {
    Policy policy = policy(List.of(rule(0, new Verdict.Allow(), List.of())));
    BpfInterpreter filter = new BpfInterpreter(SeccompCompiler.compile(policy, onViolation));
    int kill = SeccompReturn.SECCOMP_RET_KILL_PROCESS;
    long[] none = new long[6];
    assertEquals(SeccompReturn.SECCOMP_RET_ALLOW, filter.run(SeccompData.of(0, none)));
    // i386, and x86-64's number 0 with the x32 bit
    assertEquals(kill, filter.run(new SeccompData(0, 0x4000_0003, 0, none)));
    assertEquals(kill, filter.run(SeccompData.of(0x4000_0000, none)));
    assertEquals(kill, filter.run(SeccompData.of(-1, none)));
    assertEquals(onViolation.filterResult(), filter.run(SeccompData.of(1, none)));
  }

  @Test
  void compilesAPolicyWithoutRules() {
    BpfInterpreter filter =
        new BpfInterpreter(SeccompCompiler.compile(policy(List.of()), OnViolation.NOTIFY));
    assertEquals(SeccompReturn.SECCOMP_RET_USER_NOTIF, filter.run(SeccompData.of(0, new long[6])));
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void agreesWithTheShippedPolicies(Role role) {
    Policy policy = PolicyParser.shipped(role).forProcess(1);
    BpfInterpreter filter = new BpfInterpreter(SeccompCompiler.compile(policy, OnViolation.NOTIFY));
    SplittableRandom random = new SplittableRandom(7);
    for (int number = 0; number < 500; number++) {
      for (int i = 0; i < 300; i++) {
        long[] arguments =
            LongStream.range(0, 6)
                .map(_ -> random.nextBoolean() ? random.nextInt(64) : randomValue(random))
                .toArray();
        int call = number;
        assertEquals(
            expected(policy, number, arguments),
            filter.run(SeccompData.of(number, arguments)),
            () -> role + " " + call + " " + java.util.Arrays.toString(arguments));
      }
    }
  }

  @Test
  void demandsABoundPolicy() {
    Policy policy = PolicyParser.shipped(Role.VMM_MAIN);
    assertThrows(
        IllegalStateException.class,
        () -> SeccompCompiler.compile(policy, OnViolation.KILL_PROCESS));
  }
}
