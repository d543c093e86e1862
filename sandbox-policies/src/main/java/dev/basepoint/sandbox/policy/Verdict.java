package dev.basepoint.sandbox.policy;

/** What happens to a system call. */
public sealed interface Verdict {
  /** The kernel carries it out. */
  record Allow() implements Verdict {}

  /** It fails with an error number and the process goes on. */
  record Answer(String errnoName, int errno) implements Verdict {}

  /** No rule covers it: it is not carried out, and the process ends (strict) or is reported. */
  record Violation() implements Verdict {}
}
