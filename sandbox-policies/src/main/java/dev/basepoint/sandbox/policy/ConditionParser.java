package dev.basepoint.sandbox.policy;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/**
 * Reads the conditions of one rule.
 *
 * <pre>
 *   ARG == V         ARG in V, V, V     ARG has BITS     all of the bits are set
 *   ARG != V         ARG in V..V        ARG lacks BITS   none of them is
 *   ARG &amp; MASK == V                     ARG only BITS    no other bit is
 *   ARG == self      the process's own pid
 * </pre>
 *
 * ARG is the kernel's parameter name or {@code #INDEX}; V is a number or constants joined by '|'.
 */
final class ConditionParser {
  private final Statement statement;
  private final Syscall syscall;
  private final Constants constants;

  ConditionParser(Statement statement, Syscall syscall, Constants constants) {
    this.statement = statement;
    this.syscall = syscall;
    this.constants = constants;
  }

  /** Reads {@code words}, the part after {@code when}. */
  List<Condition> parse(List<String> words) throws PolicyException {
    List<Condition> conditions = new ArrayList<>();
    List<String> clause = new ArrayList<>();
    for (String word : words) {
      if (word.equals("and")) {
        conditions.add(parseClause(clause));
        clause.clear();
      } else {
        clause.add(word);
      }
    }
    conditions.add(parseClause(clause));
    return conditions;
  }

  private Condition parseClause(List<String> words) throws PolicyException {
    String text = String.join(" ", words);
    if (words.size() < 3) {
      throw statement.error("'" + text + "' is no condition; write 'ARGUMENT OPERATOR VALUE'");
    }
    int argument = argumentIndex(words.get(0));
    Syscall.Parameter parameter = syscall.parameters().get(argument);
    boolean narrow = parameter.narrow();
    ArgumentTest test =
        switch (words.get(1)) {
          case "==" -> equality(words, narrow);
          case "!=" -> new ArgumentTest.NotEqual(single(words, narrow));
          case "has" -> bits(single(words, narrow), true);
          case "lacks" -> bits(single(words, narrow), false);
          case "only" ->
              new ArgumentTest.MaskedEqual(
                  ~single(words, narrow) & (narrow ? 0xffff_ffffL : -1L), 0);
          case "&" -> masked(words, narrow);
          case "in" -> membership(String.join(" ", words.subList(2, words.size())), narrow);
          default ->
              throw statement.error(
                  "unknown operator '"
                      + words.get(1)
                      + "'; the operators are == != & has lacks only in");
        };
    return new Condition(argument, parameter.name(), narrow, test, text);
  }

  private int argumentIndex(String word) throws PolicyException {
    List<Syscall.Parameter> parameters = syscall.parameters();
    for (int i = 0; i < parameters.size(); i++) {
      if (word.equals(parameters.get(i).name()) || word.equals("#" + i)) {
        return i;
      }
    }
    List<String> names = parameters.stream().map(Syscall.Parameter::name).toList();
    throw statement.error(
        names.isEmpty()
            ? syscall.name() + " takes no argument, so it has no '" + word + "'"
            : "%s has no argument '%s'; it takes %s (#0 to #%d)"
                .formatted(syscall.name(), word, String.join(", ", names), names.size() - 1));
  }

  private ArgumentTest equality(List<String> words, boolean narrow) throws PolicyException {
    if (words.size() == 3 && words.get(2).equals("self")) {
      return new ArgumentTest.OwnPid();
    }
    return new ArgumentTest.MaskedEqual(ArgumentTest.ALL_BITS, single(words, narrow));
  }

  private ArgumentTest bits(long mask, boolean set) throws PolicyException {
    if (mask == 0) {
      throw statement.error("a test of no bits at all holds always; remove it");
    }
    return new ArgumentTest.MaskedEqual(mask, set ? mask : 0);
  }

  private ArgumentTest masked(List<String> words, boolean narrow) throws PolicyException {
    if (words.size() != 5 || !words.get(3).equals("==")) {
      throw statement.error("write a masked comparison as 'ARGUMENT & MASK == VALUE'");
    }
    long mask = value(words.get(2), narrow);
    long value = value(words.get(4), narrow);
    if ((value & ~mask) != 0) {
      throw statement.error(
          "'" + String.join(" ", words) + "' never holds: the value has bits outside the mask");
    }
    return new ArgumentTest.MaskedEqual(mask, value);
  }

  private ArgumentTest membership(String text, boolean narrow) throws PolicyException {
    int dots = text.indexOf("..");
    if (dots >= 0) {
      long first = value(text.substring(0, dots).strip(), narrow);
      long last = value(text.substring(dots + 2).strip(), narrow);
      if (Long.compareUnsigned(first, last) > 0) {
        throw statement.error("the range '" + text + "' is empty");
      }
      return new ArgumentTest.InRange(first, last);
    }
    TreeSet<Long> values = new TreeSet<>(Long::compareUnsigned);
    for (String element : text.split(",", -1)) {
      if (!values.add(value(element.strip(), narrow))) {
        throw statement.error("'" + element.strip() + "' stands twice in one set");
      }
    }
    return new ArgumentTest.OneOf(List.copyOf(values));
  }

  private long single(List<String> words, boolean narrow) throws PolicyException {
    if (words.size() != 3) {
      throw statement.error(
          "'" + String.join(" ", words) + "' has more than one value; join conditions with 'and'");
    }
    return value(words.get(2), narrow);
  }

  private long value(String text, boolean narrow) throws PolicyException {
    long value = 0;
    for (String part : text.split("\\|", -1)) {
      value |= atom(part, narrow);
    }
    return value;
  }

  private long atom(String text, boolean narrow) throws PolicyException {
    if (text.matches("-?(0x[0-9a-fA-F]+|[0-9]+)")) {
      return fit(text, number(text), narrow);
    }
    return fit(
        text,
        constants
            .value(text)
            .orElseThrow(
                () -> statement.error("unknown constant '" + text + "'" + constants.hint(text))),
        narrow);
  }

  private long number(String text) throws PolicyException {
    try {
      boolean negative = text.startsWith("-");
      String digits = negative ? text.substring(1) : text;
      long value =
          digits.startsWith("0x")
              ? Long.parseUnsignedLong(digits.substring(2), 16)
              : Long.parseUnsignedLong(digits);
      return negative ? -value : value;
    } catch (NumberFormatException e) {
      throw statement.error("'" + text + "' does not fit into 64 bits");
    }
  }

  private long fit(String text, long value, boolean narrow) throws PolicyException {
    if (!narrow) {
      return value;
    }
    if (value < Integer.MIN_VALUE || value > 0xffff_ffffL) {
      throw statement.error("'" + text + "' does not fit: the argument has 32 bits");
    }
    return value & 0xffff_ffffL;
  }
}
