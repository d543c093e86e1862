package dev.basepoint.sandbox.jail;

import java.util.Objects;

/** Assertions for code that also runs as a user who cannot read JUnit's jars. */
final class Check {
  private Check() {}

  static void equal(Object expected, Object actual, String... context) {
    if (!Objects.equals(expected, actual)) {
      throw new AssertionError(
          "expected " + expected + " but was " + actual + " " + String.join(" ", context));
    }
  }
}
