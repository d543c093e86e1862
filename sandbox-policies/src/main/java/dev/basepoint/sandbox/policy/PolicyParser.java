package dev.basepoint.sandbox.policy;

import dev.basepoint.sandbox.policy.Confinement.CgroupLimit;
import dev.basepoint.sandbox.policy.Confinement.Count;
import dev.basepoint.sandbox.policy.Confinement.DeclaredFd;
import dev.basepoint.sandbox.policy.Confinement.DeclaredMapping;
import dev.basepoint.sandbox.policy.Confinement.LandlockJvmOnly;
import dev.basepoint.sandbox.policy.Confinement.NoCapabilities;
import dev.basepoint.sandbox.policy.Confinement.OwnNamespace;
import dev.basepoint.sandbox.policy.Confinement.ResourceLimit;
import dev.basepoint.sandbox.policy.Confinement.UidRange;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** Reads policy files. Whatever is unknown, repeated or contradictory is refused with its line. */
public final class PolicyParser {
  private static final List<String> KEYWORDS =
      List.of(
          "allow",
          "answer",
          "include",
          "namespace",
          "uid",
          "capability",
          "landlock",
          "limit",
          "cgroup",
          "fd",
          "mapping");
  private static final String SUFFIX = ".policy";

  /** Ends a limit that would hinder a process which rehearses its work on scratch files. */
  private static final String ONCE_WARM = "once-warm";

  /** Ends an fd statement about descriptors that are held for a while only. */
  private static final String PASSING = "passing";

  /** Finds the text of an included fragment. */
  @FunctionalInterface
  public interface Library {
    /** The text of {@code file}, empty if there is none. */
    Optional<String> text(String file);
  }

  private final RuleParser ruleParser = new RuleParser(SyscallTable.x86_64(), Constants.shipped());
  private final Library library;

  /** Makes a parser that resolves {@code include} through {@code library}. */
  public PolicyParser(Library library) {
    this.library = library;
  }

  /** The fragments that shipped policies include. */
  public static Library shippedFragments() {
    return DataFile::find;
  }

  /** Reads a role's shipped policy, which a build with a broken one does not contain. */
  public static Policy shipped(Role role) {
    try {
      String file = role.id() + SUFFIX;
      return new PolicyParser(shippedFragments()).parse(file, DataFile.text(file));
    } catch (PolicyException e) {
      throw new IllegalStateException("the shipped policy is broken: " + e.getMessage(), e);
    }
  }

  /**
   * Reads a role's policy.
   *
   * @param file its name, for messages
   * @throws PolicyException with file, line and reason
   */
  public Policy parse(String file, String text) throws PolicyException {
    List<Statement> statements = Statement.split(file, text);
    Statement head = head(file, statements, "role");
    PolicyBuilder builder = new PolicyBuilder();
    Deque<String> open = new ArrayDeque<>(List.of(file));
    body(builder, statements, open);
    return builder.build(head, head.words().getFirst());
  }

  private static Statement head(String file, List<Statement> statements, String keyword)
      throws PolicyException {
    if (statements.isEmpty() || !statements.getFirst().keyword().equals(keyword)) {
      throw new PolicyException(
          statements.isEmpty() ? new SourceLine(file, 1) : statements.getFirst().where(),
          "the first statement must be '" + keyword + " NAME -- WHAT IT DOES'");
    }
    Statement head = statements.getFirst();
    head.expectWords(1, keyword + " NAME");
    String name = head.words().getFirst();
    if (!file.equals(name + SUFFIX)) {
      throw head.error("the file of '" + name + "' must be called " + name + SUFFIX);
    }
    return head;
  }

  private void body(PolicyBuilder builder, List<Statement> statements, Deque<String> open)
      throws PolicyException {
    for (Statement statement : statements.subList(1, statements.size())) {
      switch (statement.keyword()) {
        case "allow" -> builder.rules.add(ruleParser.allow(statement));
        case "answer" -> builder.rules.add(ruleParser.answer(statement));
        case "include" -> include(builder, statement, open);
        case "namespace" -> namespace(builder, statement);
        case "uid" -> uid(builder, statement);
        case "capability" -> {
          fixed(builder, statement, "none");
          builder.capabilities = new NoCapabilities(statement.reason(), statement.where());
        }
        case "landlock" -> {
          fixed(builder, statement, "jvm-only");
          builder.landlock = new LandlockJvmOnly(statement.reason(), statement.where());
        }
        case "limit" -> limit(builder, statement);
        case "cgroup" -> {
          OptionalLong value = value(builder, statement, Confinement.CGROUP_KEYS);
          builder.cgroup.add(
              new CgroupLimit(
                  statement.words().getFirst(), value, statement.reason(), statement.where()));
        }
        case "fd" -> fd(builder, statement);
        case "mapping" -> mapping(builder, statement);
        default -> throw unknown(statement, "keyword", statement.keyword(), KEYWORDS);
      }
    }
  }

  private void include(PolicyBuilder builder, Statement statement, Deque<String> open)
      throws PolicyException {
    statement.expectWords(1, "include FRAGMENT");
    String name = statement.words().getFirst();
    String file = name + SUFFIX;
    builder.once(statement, "include " + name);
    if (open.contains(file)) {
      throw statement.error("'" + name + "' includes itself");
    }
    String text =
        library.text(file).orElseThrow(() -> statement.error("there is no fragment file " + file));
    List<Statement> statements = Statement.split(file, text);
    head(file, statements, "fragment");
    builder.includes.add(name);
    open.push(file);
    body(builder, statements, open);
    open.pop();
  }

  private static void namespace(PolicyBuilder builder, Statement statement) throws PolicyException {
    statement.expectWords(1, "namespace NAME");
    String id = statement.words().getFirst();
    Namespace namespace =
        Namespace.byId(id)
            .orElseThrow(
                () ->
                    unknown(
                        statement,
                        "namespace",
                        id,
                        Arrays.stream(Namespace.values()).map(Namespace::id).toList()));
    builder.once(statement, "namespace " + id);
    builder.namespaces.add(new OwnNamespace(namespace, statement.reason(), statement.where()));
  }

  private static void uid(PolicyBuilder builder, Statement statement) throws PolicyException {
    statement.expectWords(1, "uid FIRST..LAST");
    builder.once(statement, "uid");
    int[] range = range(statement, statement.words().getFirst());
    if (range[0] < 1000) {
      throw statement.error("uids below 1000 belong to the system");
    }
    builder.uids = new UidRange(range[0], range[1], statement.reason(), statement.where());
  }

  private static void fixed(PolicyBuilder builder, Statement statement, String only)
      throws PolicyException {
    if (!statement.words().equals(List.of(only))) {
      throw statement.error("the only form is '" + statement.keyword() + " " + only + "'");
    }
    builder.once(statement, statement.keyword());
  }

  private static void limit(PolicyBuilder builder, Statement statement) throws PolicyException {
    boolean onceWarm = statement.endsIn(ONCE_WARM);
    Statement plain = onceWarm ? statement.withoutLast() : statement;
    OptionalLong value = value(builder, plain, Confinement.RESOURCES);
    builder.limits.add(
        new ResourceLimit(
            plain.words().getFirst(), value, onceWarm, statement.reason(), statement.where()));
  }

  private static OptionalLong value(PolicyBuilder builder, Statement statement, List<String> known)
      throws PolicyException {
    statement.expectWords(2, statement.keyword() + " NAME VALUE|given");
    String name = statement.words().getFirst();
    if (!known.contains(name)) {
      throw unknown(statement, statement.keyword(), name, known);
    }
    builder.once(statement, statement.keyword() + " " + name);
    String text = statement.words().get(1);
    if (text.equals("given")) {
      return OptionalLong.empty();
    }
    if (!text.matches("[0-9]{1,12}|[0-9]{1,9}[KMG]")) {
      throw statement.error("'" + text + "' is no number; write 123, 64K, 16M, 2G or 'given'");
    }
    char last = text.charAt(text.length() - 1);
    int shift =
        switch (last) {
          case 'K' -> 10;
          case 'M' -> 20;
          case 'G' -> 30;
          default -> 0;
        };
    String digits = shift == 0 ? text : text.substring(0, text.length() - 1);
    return OptionalLong.of(Long.parseLong(digits) << shift);
  }

  private static void fd(PolicyBuilder builder, Statement statement) throws PolicyException {
    boolean passing = statement.endsIn(PASSING);
    Statement plain = passing ? statement.withoutLast() : statement;
    plain.expectWords(3, "fd NAME KIND COUNT [" + PASSING + "]");
    String kind = kind(builder, plain, "descriptor kind", Confinement.FD_KINDS);
    builder.fds.add(
        new DeclaredFd(
            plain.words().getFirst(), kind, count(plain), passing, plain.reason(), plain.where()));
  }

  private static void mapping(PolicyBuilder builder, Statement statement) throws PolicyException {
    statement.expectWords(3, "mapping NAME KIND COUNT");
    String kind = kind(builder, statement, "mapping kind", Confinement.MAPPING_KINDS);
    builder.mappings.add(
        new DeclaredMapping(
            statement.words().getFirst(),
            kind,
            count(statement),
            statement.reason(),
            statement.where()));
  }

  private static String kind(
      PolicyBuilder builder, Statement statement, String what, List<String> known)
      throws PolicyException {
    String kind = statement.words().get(1);
    if (!known.contains(kind)) {
      throw unknown(statement, what, kind, known);
    }
    builder.once(statement, statement.keyword() + " " + statement.words().getFirst());
    return kind;
  }

  private static Count count(Statement statement) throws PolicyException {
    String text = statement.words().get(2);
    String[] ends = text.split("\\.\\.", -1);
    Optional<Quantity> min = Quantity.parse(ends[0]);
    Optional<Quantity> max = Quantity.parse(ends[ends.length - 1]);
    if (ends.length > 2 || min.isEmpty() || max.isEmpty()) {
      throw statement.error(
          "'"
              + text
              + "' is neither a quantity, like 2*queues+1, nor a range FIRST..LAST of two (known"
              + " units: "
              + String.join(", ", Quantity.UNITS)
              + ")");
    }
    if (min.get().constant() && max.get().constant() && min.get().fixed() > max.get().fixed()) {
      throw statement.error("the range '" + text + "' is empty");
    }
    return new Count(min.get(), max.get());
  }

  private static int[] range(Statement statement, String text) throws PolicyException {
    if (!text.matches("[0-9]{1,9}(\\.\\.[0-9]{1,9})?")) {
      throw statement.error("'" + text + "' is neither a number nor a range FIRST..LAST");
    }
    String[] ends = text.split("\\.\\.", -1);
    int first = Integer.parseInt(ends[0]);
    int last = Integer.parseInt(ends[ends.length - 1]);
    if (first > last) {
      throw statement.error("the range '" + text + "' is empty");
    }
    return new int[] {first, last};
  }

  private static PolicyException unknown(
      Statement statement, String what, String word, List<String> known) {
    return statement.error(
        "unknown "
            + what
            + " '"
            + word
            + "'"
            + Nearest.hint(word, known)
            + " (known: "
            + String.join(", ", known)
            + ")");
  }
}
