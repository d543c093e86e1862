package dev.basepoint.launcher.manifest;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Collects what is wrong with one manifest, so that all of it is reported at once. */
final class Problems {
  /** Beyond this many, one more adds nothing but scrolling. */
  private static final int COUNT_MAX = 100;

  private final String file;
  private final List<Problem> list = new ArrayList<>();

  Problems(String file) {
    this.file = file;
  }

  void error(Mark mark, String key, String message, String hint) {
    add(Problem.Severity.ERROR, mark, key, message, hint);
  }

  void warning(Mark mark, String key, String message, String hint) {
    add(Problem.Severity.WARNING, mark, key, message, hint);
  }

  private void add(Problem.Severity severity, Mark mark, String key, String message, String hint) {
    if (list.size() < COUNT_MAX) {
      list.add(new Problem(severity, file, mark.line(), mark.column(), key, message, hint));
    }
  }

  boolean hasErrors() {
    return list.stream().anyMatch(problem -> problem.severity() == Problem.Severity.ERROR);
  }

  /** All problems in the order of the text. */
  List<Problem> sorted() {
    return list.stream()
        .sorted(Comparator.comparingInt(Problem::line).thenComparingInt(Problem::column))
        .toList();
  }

  String file() {
    return file;
  }
}
