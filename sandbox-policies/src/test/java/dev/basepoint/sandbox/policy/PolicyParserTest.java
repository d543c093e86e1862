package dev.basepoint.sandbox.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class PolicyParserTest {
  /** Complete but for system calls; lines 1 to 8. */
  private static final String HEAD =
      """
      role t -- a test
      namespace pid -- alone
      uid 300000..300009 -- its own
      capability none -- needs none
      landlock jvm-only -- no files
      limit nofile 64 -- enough
      cgroup pids.max 64 -- enough
      fd std null 3 -- the three
      """;

  private static Policy parse(String rules) throws PolicyException {
    return parse(rules, Map.of());
  }

  private static Policy parse(String rules, Map<String, String> fragments) throws PolicyException {
    return new PolicyParser(file -> Optional.ofNullable(fragments.get(file)))
        .parse("t.policy", HEAD + rules);
  }

  private static String refused(String rules) {
    return assertThrows(PolicyException.class, () -> parse(rules)).getMessage();
  }

  /** Each bad ninth line and a part of the reason given for it; '/' stands for a new line. */
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "allow raed -- x;9;unknown system call 'raed'; did you mean 'read'?",
        "alow read -- x;9;unknown keyword 'alow'; did you mean 'allow'?",
        "allow read;9;the reason is missing",
        "allow -- x;9;write it as 'allow SYSCALL",
        "allow read wen fd == 1 -- x;9;expected 'when' after 'read'",
        "allow read when #3 == 1 -- x;9;read has no argument '#3'; it takes fd, buf, count (#0 to"
            + " #2)",
        "allow read when cnt == 1 -- x;9;read has no argument 'cnt'",
        "allow getpid when #0 == 1 -- x;9;getpid takes no argument",
        "allow read when fd == -- x;9;is no condition",
        "allow read when fd = 1 -- x;9;unknown operator '='",
        "allow read when fd == 1 2 -- x;9;more than one value",
        "allow read when fd == 0x100000000 -- x;9;does not fit: the argument has 32 bits",
        "allow mmap when len == 0x10000000000000000 -- x;9;does not fit into 64 bits",
        "allow mmap when prot lacks PROT_EXE -- x;9;unknown constant 'PROT_EXE'; did you mean",
        "allow mmap when prot lacks 0 -- x;9;a test of no bits",
        "allow mmap when prot & 0x1 == 0x2 -- x;9;the value has bits outside the mask",
        "allow mmap when prot & 0x1 -- x;9;write a masked comparison as",
        "allow mmap when len in 5..4 -- x;9;the range '5..4' is empty",
        "allow mmap when len in 5, 5 -- x;9;'5' stands twice in one set",
        "allow mmap when len == 5 and len == 6 -- x;9;contradictory: no value of 'len' satisfies",
        "allow mmap when len in 0..9 and len has 0x10 -- x;9;contradictory",
        "allow mmap when len in 4, 8 and len lacks 0xc -- x;9;contradictory",
        "allow read -- x/allow read -- y;10;duplicate: 'read' stands at t.policy:9",
        "allow read when fd == 1 -- x/allow read when #0 == 0x1 -- y;10;duplicate: 'read'",
        "allow read -- x/allow read when fd == 1 -- y;10;contradictory: 'read' is allowed only"
            + " when",
        "allow read -- x/answer read EPERM -- y;10;contradictory: 'read' is answered with EPERM"
            + " here",
        "answer read EPERM -- x/answer read ENOSYS -- y;10;contradictory: 'read' stands at",
        "answer read EPREM -- x;9;unknown error number 'EPREM'",
        "answer read PROT_READ -- x;9;unknown error number 'PROT_READ'",
        "answer read -- x;9;write it as 'answer SYSCALL ERRNO",
        "include nothing -- x;9;there is no fragment file nothing.policy",
        "namespace pidd -- x;9;unknown namespace 'pidd'; did you mean 'pid'?",
        "namespace pid -- x;9;duplicate: 'namespace pid' stands at t.policy:2",
        "uid 1..2 -- x;9;duplicate: 'uid' stands at t.policy:3",
        "capability CAP_SYS_ADMIN -- x;9;the only form is 'capability none'",
        "landlock none -- x;9;the only form is 'landlock jvm-only'",
        "limit files 3 -- x;9;unknown limit 'files'",
        "limit nofile 3 -- x;9;duplicate: 'limit nofile' stands at t.policy:6",
        "limit core many -- x;9;'many' is no number",
        "limit core 3 later -- x;9;write it as 'limit NAME VALUE",
        "cgroup cpu.max 3 -- x;9;unknown cgroup 'cpu.max'",
        "fd a pipes 1 -- x;9;unknown descriptor kind 'pipes'; did you mean 'pipe'?",
        "fd a pipe 2..1 -- x;9;the range '2..1' is empty",
        "fd a pipe few -- x;9;neither a quantity",
        "fd a pipe 2*pipes -- x;9;known units: queues, devices, vcpus, files",
        "fd a pipe 1..2..3 -- x;9;neither a quantity",
        "fd a pipe 1 later -- x;9;write it as 'fd NAME KIND COUNT [passing]",
        "mapping a pipe 1 -- x;9;unknown mapping kind 'pipe'",
        "mapping a memfd 1/mapping a memfd 2 -- x;9;the reason is missing",
        "mapping a memfd 1 -- x/mapping a file 2 -- x;10;duplicate: 'mapping a'",
        "fd std null 3 -- x;9;duplicate: 'fd std' stands at t.policy:8",
      })
  void refusesBadStatementsWithFileLineAndReason(String text, int line, String reason) {
    String message = refused(text.replace('/', '\n'));
    assertTrue(message.startsWith("t.policy:" + line + ": "), message);
    assertTrue(message.contains(reason), message);
  }

  @Test
  void refusesIncompletePolicies() {
    List<String> lines = HEAD.lines().toList();
    for (int missing = 1; missing < lines.size(); missing++) {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < lines.size(); i++) {
        text.append(i == missing ? "" : lines.get(i)).append('\n');
      }
      String message =
          assertThrows(
                  PolicyException.class,
                  () -> new PolicyParser(_ -> Optional.empty()).parse("t.policy", text.toString()))
              .getMessage();
      String keyword = lines.get(missing).split(" ", 2)[0];
      assertTrue(message.startsWith("t.policy:1: the policy is incomplete"), message);
      assertTrue(message.contains("'" + keyword + " "), message);
    }
  }

  @Test
  void refusesWrongHeads() {
    PolicyParser parser = new PolicyParser(_ -> Optional.empty());
    assertEquals(
        "t.policy:1: the first statement must be 'role NAME -- WHAT IT DOES'",
        assertThrows(PolicyException.class, () -> parser.parse("t.policy", "")).getMessage());
    assertEquals(
        "other.policy:1: the file of 't' must be called t.policy",
        assertThrows(PolicyException.class, () -> parser.parse("other.policy", HEAD)).getMessage());
    assertEquals(
        "t.policy:1: an indented line continues a statement; there is none",
        assertThrows(PolicyException.class, () -> parser.parse("t.policy", "  role t -- x"))
            .getMessage());
  }

  @Test
  void namesTheFragmentsOwnLine() {
    Map<String, String> fragments =
        Map.of("base.policy", "fragment base -- shared\n\nallow read -- x\nallow raed -- y\n");
    String message =
        assertThrows(PolicyException.class, () -> parse("include base -- all\n", fragments))
            .getMessage();
    assertTrue(message.startsWith("base.policy:4: "), message);
  }

  @Test
  void refusesARoleRuleThatItsFragmentAlreadyHas() {
    Map<String, String> fragments =
        Map.of("base.policy", "fragment base -- shared\nallow read -- x");
    String message =
        assertThrows(
                PolicyException.class,
                () -> parse("include base -- all\nallow read -- again\n", fragments))
            .getMessage();
    assertEquals("t.policy:10: duplicate: 'read' stands at base.policy:2", message);
  }

  @Test
  void refusesFragmentsThatIncludeEachOther() {
    Map<String, String> fragments =
        Map.of(
            "a.policy", "fragment a -- a\ninclude b -- b",
            "b.policy", "fragment b -- b\ninclude t -- t",
            "t.policy", "fragment t -- t");
    String message =
        assertThrows(PolicyException.class, () -> parse("include a -- a\n", fragments))
            .getMessage();
    assertEquals("b.policy:2: 't' includes itself", message);
  }

  @Test
  void continuesIndentedLinesAndKeepsReasons() throws PolicyException {
    Policy policy =
        parse(
            """
            # a comment
            allow mmap when prot lacks PROT_EXEC
                and flags only MAP_PRIVATE|MAP_ANONYMOUS
                -- memory -- not code
            """);
    SyscallRule rule = policy.rulesFor(9).getFirst();
    assertEquals("memory -- not code", rule.reason());
    assertEquals(new SourceLine("t.policy", 10), rule.where());
    assertEquals(
        "prot lacks PROT_EXEC and flags only MAP_PRIVATE|MAP_ANONYMOUS", rule.conditionText());
    assertTrue(rule.covers(new long[] {0, 4096, 3, 0x22, -1, 0}));
    assertTrue(!rule.covers(new long[] {0, 4096, 7, 0x22, -1, 0}));
    assertTrue(!rule.covers(new long[] {0, 4096, 3, 0x32, -1, 0}));
    assertTrue(!rule.covers(new long[] {0, 4096, 3, 0x1_0000_0022L, -1, 0}));
  }

  @Test
  void readsConfinement() throws PolicyException {
    Policy policy = parse("limit fsize given once-warm -- later\nlimit as 2G -- cheap\n");
    assertEquals("a test", policy.summary());
    assertEquals(Namespace.PID, policy.namespaces().getFirst().namespace());
    assertEquals(300000, policy.uids().first());
    assertEquals(300009, policy.uids().last());
    assertEquals(OptionalLong.empty(), policy.limits().get(1).value());
    assertTrue(policy.limits().get(1).onceWarm());
    assertEquals(OptionalLong.of(2L << 30), policy.limits().get(2).value());
    assertTrue(!policy.limits().get(2).onceWarm());
    assertEquals("3", policy.fds().getFirst().count().toString());
  }

  @Test
  void readsQuantities() throws PolicyException {
    Policy policy =
        parse(
            """
            fd wake eventfd 3*queues+devices+6 -- many
            fd kernel file 0..2 passing -- for a while
            mapping rings memfd devices..2*devices+1 -- shared
            """);
    Confinement.DeclaredFd wake = policy.fds().get(1);
    assertEquals(6 + 3 * 4 + 2, wake.count().min().at(Map.of("queues", 4, "devices", 2)));
    assertEquals(wake.count().min(), wake.count().max());
    assertEquals("devices+3*queues+6", wake.count().toString());
    assertThrows(IllegalArgumentException.class, () -> wake.count().min().at(Map.of("queues", 4)));
    assertTrue(!wake.passing());
    assertTrue(policy.fds().get(2).passing());
    assertEquals("0..2", policy.fds().get(2).count().toString());
    assertEquals(7, policy.mappings().getFirst().count().max().at(Map.of("devices", 3)));
  }

  @Test
  void decidesByAlternativesThenAnswerThenViolation() throws PolicyException {
    Policy policy =
        parse(
            """
            allow fcntl when cmd == F_GETFL -- reads
            allow fcntl when cmd == F_SETFL -- writes
            answer fcntl EPERM -- all else
            allow kill when pid == self -- itself
            """);
    assertInstanceOf(Verdict.Allow.class, policy.decide(72, args(5, 3)).verdict());
    assertInstanceOf(Verdict.Allow.class, policy.decide(72, args(5, 4)).verdict());
    assertEquals(new Verdict.Answer("EPERM", 1), policy.decide(72, args(5, 5)).verdict());
    assertInstanceOf(Verdict.Violation.class, policy.decide(0, args()).verdict());
    Policy bound = policy.forProcess(77);
    assertInstanceOf(Verdict.Allow.class, bound.decide(62, args(77, 9)).verdict());
    assertInstanceOf(Verdict.Violation.class, bound.decide(62, args(78, 9)).verdict());
    assertInstanceOf(Verdict.Violation.class, bound.decide(62, args(-1, 9)).verdict());
  }

  @Test
  void comparesNarrowArgumentsByTheirLowHalf() throws PolicyException {
    Policy policy = parse("allow read when fd == -1 -- x\n");
    assertInstanceOf(Verdict.Allow.class, policy.decide(0, args(-1)).verdict());
    assertInstanceOf(Verdict.Allow.class, policy.decide(0, args(0xffff_ffffL)).verdict());
    assertInstanceOf(Verdict.Allow.class, policy.decide(0, args(0x7_ffff_ffffL)).verdict());
    assertInstanceOf(Verdict.Violation.class, policy.decide(0, args(1)).verdict());
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void readsTheShippedPolicies(Role role) {
    Policy policy = PolicyParser.shipped(role);
    assertEquals(role.id(), policy.role());
    assertEquals(Namespace.values().length, policy.namespaces().size());
  }

  private static long[] args(long... values) {
    return java.util.Arrays.copyOf(values, 6);
  }
}
