package dev.basepoint.sandbox.policy;

/** Where a policy statement stands: file name and 1-based number of its first line. */
public record SourceLine(String file, int line) {
  @Override
  public String toString() {
    return file + ":" + line;
  }
}
