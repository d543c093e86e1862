package dev.basepoint.sandbox.policy;

import java.util.List;

/** What one 64-bit system call argument must satisfy. All comparisons are unsigned. */
public sealed interface ArgumentTest {
  /** Every bit counts. */
  long ALL_BITS = -1L;

  /** Whether {@code value} satisfies the test. */
  boolean accepts(long value);

  /** {@code (argument & mask) == value}; equality is the case of a mask of all ones. */
  record MaskedEqual(long mask, long value) implements ArgumentTest {
    @Override
    public boolean accepts(long argument) {
      return (argument & mask) == value;
    }
  }

  /** {@code argument != value}. */
  record NotEqual(long value) implements ArgumentTest {
    @Override
    public boolean accepts(long argument) {
      return argument != value;
    }
  }

  /** {@code first <= argument <= last}, unsigned. */
  record InRange(long first, long last) implements ArgumentTest {
    @Override
    public boolean accepts(long argument) {
      return Long.compareUnsigned(first, argument) <= 0
          && Long.compareUnsigned(argument, last) <= 0;
    }
  }

  /** The argument is one of {@code values}. */
  record OneOf(List<Long> values) implements ArgumentTest {
    public OneOf {
      values = List.copyOf(values);
    }

    @Override
    public boolean accepts(long argument) {
      return values.contains(argument);
    }
  }

  /**
   * The argument is the process's own pid, as it sees it itself. It is only known when the policy
   * is applied: {@link Policy#forProcess} replaces this test by an equality.
   */
  record OwnPid() implements ArgumentTest {
    @Override
    public boolean accepts(long argument) {
      throw new IllegalStateException("the policy is not bound to a process yet");
    }
  }
}
