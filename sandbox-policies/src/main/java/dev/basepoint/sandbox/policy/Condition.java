package dev.basepoint.sandbox.policy;

/**
 * A test of one argument of a system call.
 *
 * @param argument its 0-based index
 * @param name the kernel's name for it
 * @param narrow whether only the low 32 bits count
 * @param test what they must satisfy
 * @param text the condition as the policy file spells it
 */
public record Condition(int argument, String name, boolean narrow, ArgumentTest test, String text) {
  private static final long LOW_HALF = 0xffff_ffffL;

  /** Whether the argument among {@code arguments} (six of them) passes. */
  public boolean accepts(long[] arguments) {
    long value = arguments[argument];
    return test.accepts(narrow ? value & LOW_HALF : value);
  }

  /** The largest value that the tested part of the argument can have. */
  public long maxValue() {
    return narrow ? LOW_HALF : ArgumentTest.ALL_BITS;
  }

  Condition withTest(ArgumentTest replacement) {
    return new Condition(argument, name, narrow, replacement, text);
  }
}
