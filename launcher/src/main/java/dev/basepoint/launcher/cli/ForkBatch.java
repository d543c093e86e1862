package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.api.ApiClient;
import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.bench.Sample;
import dev.basepoint.launcher.output.Progress;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Table;
import dev.basepoint.launcher.output.Terminal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;

/** Forks a template many times, some clones alive at once, and sums up how they fared. */
final class ForkBatch {
  private static final Duration FORK_TIMEOUT = Duration.ofMinutes(2);
  private static final int FAILURES_SHOWN_MAX = 10;

  /** Gives each worker a connection of its own. */
  @FunctionalInterface
  interface Connector {
    ApiClient connect() throws CommandException;
  }

  private final Connector connector;
  private final ApiRequest.ForkTemplate request;
  private final int count;
  private final int alive;
  private final Terminal terminal;
  private final AtomicInteger started = new AtomicInteger();
  private final List<Double> latencies = new ArrayList<>();
  private final Map<String, List<long[]>> memory = new TreeMap<>();
  private final List<String> failures = new ArrayList<>();
  private int ended;
  private int warm;
  private int failed;

  ForkBatch(
      Connector connector,
      ApiRequest.ForkTemplate request,
      int count,
      int alive,
      Terminal terminal) {
    this.connector = connector;
    this.request = request;
    this.count = count;
    this.alive = alive;
    this.terminal = terminal;
  }

  /** Clones that were not made or did not end well. */
  synchronized int failed() {
    return failed;
  }

  SequencedMap<String, Object> run() throws CommandException {
    long startNanos = System.nanoTime();
    try (Progress progress = new Progress(terminal)) {
      progress.step("forking " + request.template() + " " + count + " times");
      List<Thread> workers = new ArrayList<>();
      for (int i = 0; i < alive; i++) {
        workers.add(Thread.ofPlatform().name("fork-" + i).start(this::work));
      }
      for (Thread worker : workers) {
        worker.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CommandException(ExitCode.INTERRUPTED, "interrupted while clones ran", e);
    }
    double seconds = (System.nanoTime() - startNanos) / 1e9;
    try (ApiClient client = connector.connect()) {
      return facts(seconds, client.facts(new ApiRequest.ListPools(), ApiClient.QUICK));
    }
  }

  private void work() {
    try (ApiClient client = connector.connect()) {
      while (started.getAndIncrement() < count) {
        forkOnce(client);
      }
    } catch (CommandException e) {
      fail(e.getMessage());
    }
  }

  private void forkOnce(ApiClient client) {
    try {
      SequencedMap<String, Object> begun = client.facts(request, FORK_TIMEOUT);
      String name = String.valueOf(begun.get("name"));
      SequencedMap<String, Object> end = ForkCommands.awaitEnd(client, name);
      boolean well = end.get("exit_code") instanceof Number code && code.intValue() == 0;
      if (!well) {
        fail(name + ": " + end.get("outcome") + ", " + end.get("detail"));
      }
      note(begun, end);
    } catch (CommandException e) {
      fail(e.getMessage());
    }
  }

  private synchronized void fail(String reason) {
    failed++;
    if (failures.size() < FAILURES_SHOWN_MAX) {
      failures.add(reason);
    }
  }

  private synchronized void note(
      SequencedMap<String, Object> begun, SequencedMap<String, Object> end) {
    ended++;
    if (begun.get("fork") instanceof Map<?, ?> fork && Boolean.TRUE.equals(fork.get("warm"))) {
      warm++;
    }
    if (end.get("timings") instanceof Map<?, ?> timings) {
      timings.forEach(
          (key, value) -> {
            if (String.valueOf(key).endsWith(".vcpuEntered") && value instanceof Number millis) {
              latencies.add(millis.doubleValue());
            }
          });
    }
    if (end.get("processes") instanceof List<?> processes) {
      processes.forEach(process -> noteMemory((Map<?, ?>) process));
    }
  }

  private void noteMemory(Map<?, ?> process) {
    if (process.get("private_kib") instanceof Number own
        && process.get("shared_kib") instanceof Number shared) {
      memory
          .computeIfAbsent(String.valueOf(process.get("role")), _ -> new ArrayList<>())
          .add(new long[] {own.longValue(), shared.longValue()});
    }
  }

  private synchronized SequencedMap<String, Object> facts(
      double seconds, SequencedMap<String, Object> pools) {
    SequencedMap<String, Object> facts = new LinkedHashMap<>();
    facts.put("template", request.template());
    facts.put("count", count);
    facts.put("alive", alive);
    facts.put("correct", ended - (failed - (count - ended)));
    facts.put("failed", failed);
    facts.put("failures", List.copyOf(failures));
    facts.put("seconds", Math.round(seconds * 1000) / 1000.0);
    facts.put("forks_per_second", Math.round(ended / seconds * 100) / 100.0);
    facts.put("warm", warm);
    if (!latencies.isEmpty()) {
      Sample sample = Sample.of(latencies);
      facts.put("fork_to_vcpu_p50_ms", Sample.rounded(sample.percentile(50)));
      facts.put("fork_to_vcpu_p99_ms", Sample.rounded(sample.percentile(99)));
    }
    facts.put("memory", memoryFacts());
    facts.put("pools", pools.get("pools"));
    return facts;
  }

  private List<SequencedMap<String, Object>> memoryFacts() {
    List<SequencedMap<String, Object>> roles = new ArrayList<>();
    memory.forEach(
        (role, samples) -> {
          SequencedMap<String, Object> facts = new LinkedHashMap<>();
          facts.put("role", role);
          facts.put("private_kib_p50", median(samples, 0));
          facts.put("shared_kib_p50", median(samples, 1));
          roles.add(facts);
        });
    return roles;
  }

  private static long median(List<long[]> samples, int column) {
    long[] sorted = samples.stream().mapToLong(sample -> sample[column]).sorted().toArray();
    return sorted[sorted.length / 2];
  }

  static void print(SequencedMap<String, Object> facts, Terminal terminal) {
    facts.forEach(
        (key, value) -> {
          if (!(value instanceof List<?>)) {
            terminal
                .out()
                .println(
                    terminal.paint(Style.CYAN, key.replace('_', ' '))
                        + "  "
                        + FactsReport.plain(value));
          }
        });
    Table table =
        new Table()
            .column("role", Table.Align.LEFT)
            .column("private KiB", Table.Align.RIGHT)
            .column("shared KiB", Table.Align.RIGHT);
    for (Object role : (List<?>) facts.get("memory")) {
      Map<?, ?> row = (Map<?, ?>) role;
      table.row(
          FactsReport.plain(row.get("role")),
          FactsReport.plain(row.get("private_kib_p50")),
          FactsReport.plain(row.get("shared_kib_p50")));
    }
    table.print(terminal);
    for (Object failure : (List<?>) facts.get("failures")) {
      terminal.out().println(terminal.paint(Style.RED, FactsReport.plain(failure)));
    }
  }
}
