package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.tests.escape.Attempt;
import dev.basepoint.tests.escape.Attempt.Stage;
import dev.basepoint.tests.escape.Attempts;
import dev.basepoint.tests.escape.Victim;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Takes over every process of a running VM, in its real sandbox, and tries to get out. Whatever is
 * tried must fail, and must have been tried.
 */
class EscapeTest {
  private static final int ATTEMPTS_MIN = 40;
  private static final int WORKERS = 2;
  private static final int SANDBOX_VIOLATION = 82;

  /** So many that their reports fit into what the launcher keeps of a process's output. */
  private static final int SWEEP_AT_ONCE = 40;

  @TempDir private Path directory;

  private IntruderJars jars;
  private String manifest;

  @BeforeEach
  void makeJars() throws Exception {
    Requirements.vm();
    Requirements.root();
    jars = IntruderJars.make(directory);
    manifest =
        Files.writeString(
                directory.resolve("taken.yaml"),
                """
                version: 1
                name: taken
                memory: 64MiB
                cmdline: probe=shell
                devices:
                  - type: blk
                    scratch: 1MiB
                  - type: net
                    backend: {type: echo}
                  - type: rng
                """)
            .toString();
  }

  private static List<Attempt> attempts(Victim victim, Stage other, boolean deadly) {
    return Attempts.all().stream()
        .filter(attempt -> attempt.victims().contains(victim))
        .filter(attempt -> attempt.stage() != other && attempt.deadly() == deadly)
        .toList();
  }

  private static List<String> names(List<Attempt> attempts) {
    return attempts.stream().map(Attempt::name).toList();
  }

  /**
   * The orders of each VM in turn: what a process survives it tries at once, before the first
   * attempt that ends it.
   */
  private static Queue<Map<Victim, List<String>>> strictRounds() {
    List<Map<Victim, List<String>>> rounds = new ArrayList<>();
    for (Victim victim : Victim.values()) {
      List<Attempt> deadly = attempts(victim, Stage.PERMISSIVE, true);
      // With its servers gone, vmm-main would hold no window any more: it has the first VM alone.
      int first = victim == Victim.VMM_MAIN ? 0 : 1;
      for (int i = 0; i < deadly.size(); i++) {
        while (rounds.size() <= first + i) {
          rounds.add(new EnumMap<>(Victim.class));
        }
        List<String> order = new ArrayList<>();
        if (i == 0) {
          order.addAll(names(attempts(victim, Stage.PERMISSIVE, false)));
        }
        order.add(deadly.get(i).name());
        rounds.get(first + i).put(victim, order);
      }
    }
    return new ConcurrentLinkedQueue<>(rounds);
  }

  @Test
  void nothingLeavesTheStrictSandbox() throws Exception {
    Queue<Map<Victim, List<String>>> rounds = strictRounds();
    Map<String, Attempt> byName = new ConcurrentHashMap<>();
    Attempts.all().forEach(attempt -> byName.put(attempt.name(), attempt));
    EscapeTable table = new EscapeTable("In the strict sandbox");
    List<Future<?>> workers = new ArrayList<>();
    try (ExecutorService executor = Executors.newFixedThreadPool(WORKERS)) {
      for (int worker = 0; worker < WORKERS; worker++) {
        IntruderJars own = jars.copy(directory.resolve("worker-" + worker));
        workers.add(
            executor.submit(
                () -> {
                  for (var orders = rounds.poll(); orders != null; orders = rounds.poll()) {
                    judge(EscapeRound.run(own, manifest, "strict", orders), orders, byName, table);
                  }
                  return null;
                }));
      }
    }
    for (Future<?> worker : workers) {
      worker.get();
    }
    table.print(names(Attempts.all()));
    assertEquals(List.of(), table.failures());
    for (Victim victim : Victim.values()) {
      int made = table.count(victim);
      assertTrue(made >= ATTEMPTS_MIN, () -> victim.key() + " made only " + made + " attempts");
    }
  }

  private static void judge(
      EscapeRound round,
      Map<Victim, List<String>> orders,
      Map<String, Attempt> byName,
      EscapeTable table) {
    boolean reported = false;
    for (Map.Entry<Victim, List<String>> order : orders.entrySet()) {
      reported |= !round.violations(order.getKey()).isEmpty();
      for (String name : order.getValue()) {
        EscapeVerdict verdict = EscapeVerdict.of(byName.get(name), order.getKey(), round);
        table.add(name, order.getKey(), verdict, round.output());
      }
    }
    if (reported) {
      assertEquals(SANDBOX_VIOLATION, round.exitCode(), round::output);
    }
  }

  /**
   * Makes every attempt, and more, where the filter reports and lets pass: that shows that no call
   * is overlooked, and what the layers beneath answer.
   */
  @Test
  void everyAttemptIsReportedAndLittleWorksWithoutTheFilter() throws Exception {
    EscapeTable table = new EscapeTable("In the permissive sandbox: reported, then let through");
    List<Attempt> sweep =
        Attempts.all().stream()
            .filter(attempt -> attempt.stage() != Stage.STRICT && attempt.deadly())
            .toList();
    for (int from = 0; from < sweep.size(); from += SWEEP_AT_ONCE) {
      List<Attempt> part = sweep.subList(from, Math.min(sweep.size(), from + SWEEP_AT_ONCE));
      Map<Victim, List<Attempt>> made = new EnumMap<>(Victim.class);
      Map<Victim, List<String>> orders = new EnumMap<>(Victim.class);
      for (Victim victim : Victim.values()) {
        made.put(victim, part.stream().filter(one -> one.victims().contains(victim)).toList());
        orders.put(victim, names(made.get(victim)));
      }
      EscapeRound round = EscapeRound.run(jars, manifest, "permissive", orders);
      made.forEach(
          (victim, attempts) ->
              SweepVerdicts.of(attempts, victim, round)
                  .forEach((name, verdict) -> table.add(name, victim, verdict, round.output())));
    }
    table.print(names(sweep));
    assertEquals(List.of(), table.failures());
  }
}
