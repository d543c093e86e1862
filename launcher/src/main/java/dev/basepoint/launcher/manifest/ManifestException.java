package dev.basepoint.launcher.manifest;

import java.util.List;
import java.util.stream.Collectors;

/** A manifest that was refused, with everything that is wrong with it. */
public final class ManifestException extends Exception {
  private final List<Problem> problems;

  ManifestException(List<Problem> problems) {
    super(problems.stream().map(Problem::toString).collect(Collectors.joining("\n")));
    this.problems = List.copyOf(problems);
  }

  /** Errors and warnings in the order of the text; at least one error. */
  public List<Problem> problems() {
    return problems;
  }
}
