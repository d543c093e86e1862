package dev.basepoint.sandbox.policy;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/** Exact reasoning about a conjunction of tests on one argument. */
public final class ArgumentSet {
  private ArgumentSet() {}

  /**
   * Returns the smallest value, unsigned, that passes every test and is at most {@code max}; empty
   * if the tests contradict one another.
   */
  public static OptionalLong witness(List<ArgumentTest> tests, long max) {
    long mask = 0;
    long value = 0;
    long first = 0;
    for (ArgumentTest test : tests) {
      switch (test) {
        case ArgumentTest.OneOf(List<Long> values) -> {
          return values.stream()
              .sorted(Long::compareUnsigned)
              .mapToLong(Long::longValue)
              .filter(v -> Long.compareUnsigned(v, max) <= 0 && allAccept(tests, v))
              .findFirst();
        }
        case ArgumentTest.MaskedEqual(long m, long v) -> {
          if ((v & ~m) != 0 || ((value ^ v) & (mask & m)) != 0) {
            return OptionalLong.empty();
          }
          mask |= m;
          value |= v;
        }
        case ArgumentTest.InRange(long from, long _) ->
            first = Long.compareUnsigned(from, first) > 0 ? from : first;
        case ArgumentTest.NotEqual _ -> {}
        case ArgumentTest.OwnPid _ -> throw new IllegalStateException("policy is not bound");
      }
    }
    // Each excluded value costs one more step; every other test holds from the first step on or
    // never.
    OptionalLong candidate = smallestMatch(mask, value, first);
    for (int step = 0; step <= tests.size() && candidate.isPresent(); step++) {
      long found = candidate.getAsLong();
      if (Long.compareUnsigned(found, max) > 0) {
        return OptionalLong.empty();
      }
      if (allAccept(tests, found)) {
        return candidate;
      }
      candidate =
          found == ArgumentTest.ALL_BITS
              ? OptionalLong.empty()
              : smallestMatch(mask, value, found + 1);
    }
    return OptionalLong.empty();
  }

  /** Whether every value that passes {@code narrower} also passes {@code wider}. */
  public static boolean implies(List<ArgumentTest> narrower, ArgumentTest wider, long max) {
    for (List<ArgumentTest> escape : complement(wider)) {
      List<ArgumentTest> both = new ArrayList<>(narrower);
      both.addAll(escape);
      if (witness(both, max).isPresent()) {
        return false;
      }
    }
    return true;
  }

  /** A disjunction of conjunctions that accepts exactly what {@code test} refuses. */
  public static List<List<ArgumentTest>> complement(ArgumentTest test) {
    List<List<ArgumentTest>> result = new ArrayList<>();
    switch (test) {
      case ArgumentTest.MaskedEqual(long mask, long value) -> {
        for (long rest = mask; rest != 0; rest &= rest - 1) {
          long bit = Long.lowestOneBit(rest);
          result.add(List.of(new ArgumentTest.MaskedEqual(bit, ~value & bit)));
        }
      }
      case ArgumentTest.NotEqual(long value) ->
          result.add(List.of(new ArgumentTest.MaskedEqual(ArgumentTest.ALL_BITS, value)));
      case ArgumentTest.InRange(long first, long last) -> {
        if (first != 0) {
          result.add(List.of(new ArgumentTest.InRange(0, first - 1)));
        }
        if (last != ArgumentTest.ALL_BITS) {
          result.add(List.of(new ArgumentTest.InRange(last + 1, ArgumentTest.ALL_BITS)));
        }
      }
      case ArgumentTest.OneOf(List<Long> values) ->
          result.add(values.stream().<ArgumentTest>map(ArgumentTest.NotEqual::new).toList());
      case ArgumentTest.OwnPid _ -> throw new IllegalStateException("policy is not bound");
    }
    return result;
  }

  private static boolean allAccept(List<ArgumentTest> tests, long value) {
    for (ArgumentTest test : tests) {
      if (!test.accepts(value)) {
        return false;
      }
    }
    return true;
  }

  /** The smallest {@code x >= from}, unsigned, with {@code (x & mask) == value}. */
  private static OptionalLong smallestMatch(long mask, long value, long from) {
    if ((from & mask) == value) {
      return OptionalLong.of(from);
    }
    // x first differs from `from` at some bit, where it has a one; below it x is as small as can
    // be.
    for (int bit = 0; bit < Long.SIZE; bit++) {
      long one = 1L << bit;
      long above = bit == Long.SIZE - 1 ? 0 : -1L << (bit + 1);
      boolean mayRise = (from & one) == 0 && ((mask & one) == 0 || (value & one) != 0);
      if (mayRise && ((from ^ value) & mask & above) == 0) {
        return OptionalLong.of((from & above) | one | (value & (one - 1)));
      }
    }
    return OptionalLong.empty();
  }
}
