package dev.basepoint.sandbox.jail;

import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.sandbox.bpf.OnViolation;
import dev.basepoint.sandbox.policy.Policy;
import dev.basepoint.sandbox.policy.PolicyParser;
import dev.basepoint.sandbox.policy.Role;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * What a jail costs: a JVM started with and without one, alternately, and its filter. Run it by
 * hand; it prints medians in microseconds and their ratio.
 */
public final class JailBench {
  private static final int ROUNDS = 21;

  private JailBench() {}

  public static void main(String[] arguments) throws Exception {
    Path folder = Files.createTempDirectory("jail-bench");
    Policy policy = PolicyParser.shipped(Role.RNG);
    Path home = Path.of(System.getProperty("java.home"));
    List<String> command = new ArrayList<>(List.of(home.resolve("bin/java").toString()));
    command.addAll(JvmFlags.forFilter(16 << 20));
    command.addAll(List.of("-Xmx16m", "-XX:+UseSerialGC", "-version"));
    long[] plain = new long[ROUNDS];
    long[] plainWhole = new long[ROUNDS];
    long[] jailed = new long[ROUNDS];
    long[] jailedWhole = new long[ROUNDS];
    long[] compile = new long[ROUNDS];
    try (Jail jail = Jail.open(Level.STRICT, JvmFiles.of(home, List.of()));
        Fd nothing = OpenFile.open("/dev/null", OpenFile.O_RDWR)) {
      List<Fd> fds = List.of(nothing, nothing, nothing);
      for (int i = 0; i < ROUNDS; i++) {
        long start = System.nanoTime();
        try (ChildProcess process = ChildProcess.spawn(command, List.of(), fds)) {
          plain[i] = System.nanoTime() - start;
          process.awaitExit(start + 60_000_000_000L);
          plainWhole[i] = System.nanoTime() - start;
        }
        start = System.nanoTime();
        try (JailedProcess process =
            jail.start(policy, "bench", Map.of(), command, List.of(), fds)) {
          jailed[i] = System.nanoTime() - start;
          process.process().awaitExit(start + 60_000_000_000L);
          jailedWhole[i] = System.nanoTime() - start;
          start = System.nanoTime();
          process.order(policy, OnViolation.NOTIFY);
          compile[i] = System.nanoTime() - start;
        }
      }
    }
    Files.delete(folder);
    print("spawn call", plain, jailed);
    print("start to end of 'java -version'", plainWhole, jailedWhole);
    System.out.printf("compiling the filter: %d us%n", median(compile));
  }

  private static void print(String what, long[] plain, long[] jailed) {
    System.out.printf(
        "%s: %d us plain, %d us jailed, ratio %.2f%n",
        what, median(plain), median(jailed), (double) median(jailed) / median(plain));
  }

  private static long median(long[] nanos) {
    long[] sorted = nanos.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2] / 1_000;
  }
}
