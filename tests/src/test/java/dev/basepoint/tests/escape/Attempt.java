package dev.basepoint.tests.escape;

import static dev.basepoint.tests.escape.Expectation.Bounded;
import static dev.basepoint.tests.escape.Expectation.Exhausted;
import static dev.basepoint.tests.escape.Expectation.Held;
import static dev.basepoint.tests.escape.Expectation.Killed;
import static dev.basepoint.tests.escape.Expectation.Refused;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/**
 * One thing that a taken-over process tries.
 *
 * @param victims the roles that try it
 * @param stage where it is made
 */
public record Attempt(
    String name, Set<Victim> victims, Expectation expectation, Action action, Stage stage) {
  /** In which sandbox an attempt is made. */
  public enum Stage {
    /** In the strict one, and in the permissive one, which shows what lies beneath the filter. */
    BOTH,

    /** Not in the permissive one: let through, it would wreck its own process. */
    STRICT,

    /** In the permissive one only: the filter is the same, and no process has to die for it. */
    PERMISSIVE
  }

  /** The act itself; returns what the kernel returned, or for an exhaustion the units reached. */
  @FunctionalInterface
  public interface Action {
    long perform(Grip grip) throws Exception;
  }

  public Attempt {
    victims = Set.copyOf(victims);
  }

  /** A raw system call that no policy covers. */
  static Attempt held(String name, String syscall, Object... arguments) {
    return new Attempt(
        name,
        EnumSet.allOf(Victim.class),
        new Held(Set.of(syscall)),
        grip -> grip.call(syscall, arguments),
        Stage.BOTH);
  }

  /** Anything else that must end in one of these system calls and go no further. */
  static Attempt held(String name, Set<String> syscalls, Action action) {
    return new Attempt(name, EnumSet.allOf(Victim.class), new Held(syscalls), action, Stage.BOTH);
  }

  /** A call that ends the process by a signal of the kernel's own. */
  static Attempt killed(String name, int signal, Action action) {
    return new Attempt(name, EnumSet.allOf(Victim.class), new Killed(signal), action, Stage.STRICT);
  }

  /** A call that is covered by the filter, or has to be, and is refused further down. */
  static Attempt refused(String name, Set<Integer> errnos, Action action) {
    return new Attempt(
        name, EnumSet.allOf(Victim.class), new Refused(errnos), action, Stage.STRICT);
  }

  /** An exhaustion that the process survives. */
  static Attempt bounded(String name, ToLongFunction<Victim> most, String unit, Action action) {
    return new Attempt(
        name, EnumSet.allOf(Victim.class), new Bounded(most, unit), action, Stage.STRICT);
  }

  /** An exhaustion that may end the process. */
  static Attempt exhausted(
      String name, ToLongFunction<Victim> most, String unit, Set<String> lastCalls, Action action) {
    return new Attempt(
        name,
        EnumSet.allOf(Victim.class),
        new Exhausted(most, unit, lastCalls),
        action,
        Stage.STRICT);
  }

  /** This attempt, made by some roles only. */
  Attempt by(Victim... some) {
    return new Attempt(
        name, Arrays.stream(some).collect(Collectors.toSet()), expectation, action, stage);
  }

  /** This attempt, made in another stage. */
  Attempt in(Stage other) {
    return new Attempt(name, victims, expectation, action, other);
  }

  /** Whether the process ends by it. */
  public boolean deadly() {
    return switch (expectation) {
      case Held _, Killed _, Exhausted _ -> true;
      case Refused _, Bounded _ -> false;
    };
  }
}
