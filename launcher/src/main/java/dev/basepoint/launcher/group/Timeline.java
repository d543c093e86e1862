package dev.basepoint.launcher.group;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** What happened when, from the command's start on; every process's times are on one clock. */
public final class Timeline {
  /** Set by the vmm-launch script: the command's start, microseconds since the epoch. */
  public static final String START_PROPERTY = "vmm.start.epochMicros";

  private final long startNanos;
  private final List<Entry> entries = new ArrayList<>();

  /**
   * One event.
   *
   * @param source the process that it happened in
   * @param millis since the command's start
   */
  public record Entry(String source, String event, double millis) {}

  private Timeline(long startNanos) {
    this.startNanos = startNanos;
  }

  /** A time line that starts when the command was given. */
  public static Timeline sinceCommand() {
    long nowMicros = java.time.Instant.now().toEpochMilli() * 1000;
    long startMicros = Long.getLong(START_PROPERTY, nowMicros);
    // The property comes from another process: a clock that was set meanwhile must not matter much.
    long ageMicros = Math.clamp(nowMicros - startMicros, 0, 3_600_000_000L);
    return new Timeline(System.nanoTime() - ageMicros * 1000);
  }

  /** A time line that starts now. */
  public static Timeline sinceNow() {
    return new Timeline(System.nanoTime());
  }

  /** Adds an event of this moment. */
  public void mark(String source, String event) {
    mark(source, event, System.nanoTime());
  }

  /** Adds an event of moment {@code monotonicNanos}. */
  public synchronized void mark(String source, String event, long monotonicNanos) {
    entries.add(new Entry(source, event, millis(monotonicNanos)));
  }

  /** Milliseconds from the start to {@code monotonicNanos}. */
  public double millis(long monotonicNanos) {
    return Math.round((monotonicNanos - startNanos) / 1e4) / 100.0;
  }

  /** All events, in order. */
  public synchronized List<Entry> entries() {
    return entries.stream().sorted(Comparator.comparingDouble(Entry::millis)).toList();
  }
}
