package dev.basepoint.launcher.manifest;

import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** Checks the keys of {@code basepoint} against each other. */
final class BasepointChecks {
  private static final String PATTERN = "basepoint.pattern";

  private final Located located;
  private final Problems problems;

  BasepointChecks(Located located, Problems problems) {
    this.located = located;
    this.problems = problems;
  }

  void check(BasepointSpec basepoint) {
    boolean patternGiven = located.has(PATTERN);
    if (!(basepoint.ready() instanceof ReadyPoint.ConsoleLine line)) {
      if (patternGiven) {
        problems.error(
            located.mark(PATTERN),
            PATTERN,
            "needs ready: console",
            "add it, or remove the pattern");
      }
    } else if (!patternGiven) {
      problems.error(
          located.mark("basepoint.ready"),
          "basepoint.ready",
          "needs the key pattern",
          "say what to look for, for example pattern: 'login:'");
    } else {
      compile(line.regex());
    }
  }

  private void compile(String regex) {
    try {
      Pattern.compile(regex);
    } catch (PatternSyntaxException e) {
      problems.error(
          located.mark(PATTERN),
          PATTERN,
          "is no regular expression: " + Quote.clean(e.getDescription()),
          "put a backslash before each of ( ) [ ] { } ? * + . | that is meant as it stands");
    }
  }
}
