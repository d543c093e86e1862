package dev.basepoint.launcher.cli.syntax;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class ParserTest {
  private static final Option FOLLOW = Option.flag("--follow", "");
  private static final Option COUNT = Option.valued("--count", "N", "");
  private static final Command SHOW =
      leaf(
          "show",
          List.of(FOLLOW, COUNT),
          List.of(
              new Parameter("ROLE", "", true, Parameter.Kind.WORD),
              new Parameter("FILE", "", false, Parameter.Kind.FILE)));
  private static final Command PROGRAM =
      group("prog", group("sandbox", SHOW, leaf("check", List.of(), List.of())));

  private static Command leaf(String name, List<Option> options, List<Parameter> parameters) {
    return new Command(name, "", options, parameters, List.of(), List.of(), arguments -> 0);
  }

  private static Command group(String name, Command... children) {
    return new Command(name, "", List.of(), List.of(), List.of(), List.of(children), null);
  }

  private static Arguments.Invocation parse(String... words) throws UsageException {
    return Parser.parse(PROGRAM, List.of(words));
  }

  @Test
  void findsNestedCommandAndItsArguments() throws Exception {
    Arguments.Invocation invocation =
        parse("sandbox", "show", "--count", "3", "blk", "--follow", "a.txt");
    assertEquals(SHOW, invocation.command());
    assertEquals("prog sandbox show", Help.qualifiedName(invocation.path()));
    Arguments arguments = invocation.arguments();
    assertTrue(arguments.has(FOLLOW));
    assertEquals(Optional.of("3"), arguments.value(COUNT));
    assertEquals(Optional.of("blk"), arguments.parameter("ROLE"));
    assertEquals(Optional.of("a.txt"), arguments.parameter("FILE"));
  }

  @Test
  void valueMayFollowEqualsSign() throws Exception {
    Arguments arguments = parse("sandbox", "show", "--count=a=b", "blk").arguments();
    assertEquals(Optional.of("a=b"), arguments.value(COUNT));
    assertFalse(arguments.has(FOLLOW));
    assertEquals(Optional.empty(), arguments.parameter("FILE"));
  }

  @Test
  void doubleDashEndsOptions() throws Exception {
    Arguments arguments = parse("sandbox", "show", "--", "--follow", "-").arguments();
    assertFalse(arguments.has(FOLLOW));
    assertEquals(Optional.of("--follow"), arguments.parameter("ROLE"));
    assertEquals(Optional.of("-"), arguments.parameter("FILE"));
  }

  @Test
  void helpNeedsNoParameters() throws Exception {
    assertTrue(parse("sandbox", "show", "--help").arguments().has(Command.HELP));
    assertEquals("sandbox", parse("sandbox", "-h").command().name());
  }

  @Test
  void mistakesAreNamed() {
    assertMistake("unknown command shwo; did you mean show?", "sandbox", "shwo");
    assertMistake("unknown command elephants; there are: show, check", "sandbox", "elephants");
    assertMistake("unknown option --folow; did you mean --follow?", "sandbox", "show", "--folow");
    assertMistake("option --count needs a value: --count N", "sandbox", "show", "b", "--count");
    assertMistake("option --count is given twice", "sandbox", "show", "--count=1", "--count=2");
    assertMistake("option --follow takes no value", "sandbox", "show", "--follow=yes");
    assertMistake("the argument ROLE is missing", "sandbox", "show");
    assertMistake("unexpected argument c", "sandbox", "show", "a", "b", "c");
  }

  private static void assertMistake(String message, String... words) {
    assertEquals(message, assertThrows(UsageException.class, () -> parse(words)).getMessage());
  }
}
