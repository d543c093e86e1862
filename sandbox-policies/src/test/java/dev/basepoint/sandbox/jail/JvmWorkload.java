package dev.basepoint.sandbox.jail;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** What a JVM does when it is busy: collection, compilation, threads, traps, late classes. */
final class JvmWorkload {
  private static final ConcurrentHashMap<Integer, String> SHARED = new ConcurrentHashMap<>();

  private JvmWorkload() {}

  static String run() throws InterruptedException {
    long sum = garbage() + hotLoops() + traps() + foreignMemory() + monitors();
    sum += lateClasses();
    threads(24);
    System.gc();
    LockSupport.parkNanos(20_000_000);
    return sum > 0 ? "done" : "odd";
  }

  private static long garbage() {
    List<byte[]> kept = new ArrayList<>();
    long bytes = 0;
    for (int i = 0; i < 2_000; i++) {
      byte[] block = new byte[8_192];
      bytes += block.length;
      if (i % 16 == 0) {
        kept.add(block);
      }
    }
    return bytes + kept.size();
  }

  private static long hotLoops() {
    long sum = 0;
    for (int round = 0; round < 200; round++) {
      sum += IntStream.range(0, 5_000).mapToLong(i -> Integer.bitCount(i) * 31L + i).sum();
      sum += String.valueOf(sum).hashCode() & 0xff;
    }
    return sum;
  }

  private static long traps() {
    long caught = 0;
    for (int i = 0; i < 5_000; i++) {
      try {
        String text = i % 7 == 0 ? null : "x";
        caught += text.length();
      } catch (NullPointerException e) {
        caught += 2;
      }
    }
    return caught;
  }

  private static long foreignMemory() {
    long sum = 0;
    for (int i = 0; i < 200; i++) {
      try (Arena arena = Arena.ofConfined()) {
        var segment = arena.allocate(64 * 1024);
        segment.fill((byte) i);
        sum += segment.get(ValueLayout.JAVA_BYTE, i);
      }
    }
    return Math.abs(sum);
  }

  private static long monitors() {
    SHARED.clear();
    for (int i = 0; i < 5_000; i++) {
      SHARED.merge(i % 100, "a", (a, b) -> a.length() > 50 ? b : a + b);
    }
    return SHARED.size();
  }

  private static long lateClasses() {
    return Pattern.compile("(a+)(b*)c?").matcher("xxaabbc").find()
        ? java.time.Duration.ofSeconds(5).toString().length()
            + new java.math.BigDecimal("3.14").multiply(java.math.BigDecimal.TEN).intValue()
        : 0;
  }

  private static void threads(int count) throws InterruptedException {
    CountDownLatch done = new CountDownLatch(count);
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      threads.add(
          Thread.ofPlatform()
              .name("worker-" + i)
              .start(
                  () -> {
                    LockSupport.parkNanos(1_000_000);
                    done.countDown();
                  }));
    }
    done.await();
    for (Thread thread : threads) {
      thread.join();
    }
  }
}
