package dev.basepoint.sandbox.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class ArgumentSetTest {
  private static final int MAX = 255;

  @Test
  void agreesWithTryingEveryValue() {
    SplittableRandom random = new SplittableRandom(1);
    int satisfiable = 0;
    for (int round = 0; round < 8_000; round++) {
      List<ArgumentTest> tests = new ArrayList<>();
      for (int i = random.nextInt(4); i >= 0; i--) {
        tests.add(randomTest(random));
      }
      OptionalLong expected =
          LongStream.rangeClosed(0, MAX)
              .filter(v -> tests.stream().allMatch(t -> t.accepts(v)))
              .findFirst();
      assertEquals(expected, ArgumentSet.witness(tests, MAX), tests::toString);
      satisfiable += expected.isPresent() ? 1 : 0;

      ArgumentTest wider = randomTest(random);
      boolean implied =
          LongStream.rangeClosed(0, MAX)
              .filter(v -> tests.stream().allMatch(t -> t.accepts(v)))
              .allMatch(wider::accepts);
      assertEquals(implied, ArgumentSet.implies(tests, wider, MAX), () -> tests + " in " + wider);
    }
    assertEquals(true, satisfiable > 1_000, "the generator makes too few satisfiable tests");
  }

  @Test
  void handlesTheEndsOf64Bits() {
    long max = ArgumentTest.ALL_BITS;
    assertEquals(
        OptionalLong.of(max),
        ArgumentSet.witness(List.of(new ArgumentTest.InRange(max, max)), max));
    assertEquals(
        OptionalLong.empty(),
        ArgumentSet.witness(
            List.of(new ArgumentTest.InRange(max, max), new ArgumentTest.NotEqual(max)), max));
    assertEquals(
        OptionalLong.of(Long.MIN_VALUE),
        ArgumentSet.witness(
            List.of(
                new ArgumentTest.InRange(1, max), new ArgumentTest.MaskedEqual(Long.MAX_VALUE, 0)),
            max));
  }

  private static ArgumentTest randomTest(SplittableRandom random) {
    return switch (random.nextInt(4)) {
      case 0 -> {
        long mask = random.nextInt(256) & 0x5d;
        yield new ArgumentTest.MaskedEqual(mask, random.nextInt(256) & mask);
      }
      case 1 -> new ArgumentTest.NotEqual(random.nextInt(4));
      case 2 -> {
        long first = random.nextInt(256);
        yield new ArgumentTest.InRange(first, first + random.nextInt((int) (256 - first)));
      }
      default -> new ArgumentTest.OneOf(List.of((long) random.nextInt(8), 100L, 200L));
    };
  }
}
