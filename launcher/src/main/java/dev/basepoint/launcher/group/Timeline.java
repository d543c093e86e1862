package dev.basepoint.launcher.group;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** What happened when, from the command's start on; every process's times are on one clock. */
public final class Timeline {
  /** Many times what a run has to tell; a child cannot make the launcher grow with more. */
  private static final int ENTRIES_MAX = 16_384;

  private long startNanos;
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

  /** A time line that starts at a moment of the wall clock, at most an hour ago. */
  public static Timeline since(long epochMicros) {
    Instant now = Instant.now();
    long nowMicros = now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
    // The moment comes from another process: a clock that was set meanwhile must not matter much.
    long ageMicros = Math.clamp(nowMicros - epochMicros, 0, 3_600_000_000L);
    return new Timeline(System.nanoTime() - ageMicros * 1000);
  }

  /**
   * Forgets what has happened and starts anew at {@code monotonicNanos}: the time line of something
   * prepared starts with its use.
   */
  public synchronized void restart(long monotonicNanos) {
    entries.clear();
    startNanos = monotonicNanos;
  }

  /** A time line that starts at this moment. */
  public static Timeline startingNow() {
    return new Timeline(System.nanoTime());
  }

  /** Adds an event of this moment. */
  public void mark(String source, String event) {
    mark(source, event, System.nanoTime());
  }

  /**
   * Adds an event.
   *
   * @param monotonicNanos when; a moment to come, or one before the command, is a child's mistake
   *     or lie and is brought into the run
   */
  public synchronized void mark(String source, String event, long monotonicNanos) {
    if (entries.size() < ENTRIES_MAX) {
      long moment = Math.clamp(monotonicNanos, startNanos, System.nanoTime());
      entries.add(new Entry(source, event, millis(moment)));
    }
  }

  /** Milliseconds from the start to {@code monotonicNanos}. */
  public synchronized double millis(long monotonicNanos) {
    return Math.round((monotonicNanos - startNanos) / 1e4) / 100.0;
  }

  /** All events, in order. */
  public synchronized List<Entry> entries() {
    return entries.stream().sorted(Comparator.comparingDouble(Entry::millis)).toList();
  }
}
