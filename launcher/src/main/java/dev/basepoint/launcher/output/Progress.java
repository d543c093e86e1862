package dev.basepoint.launcher.output;

import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Says on standard error what is being done. A terminal shows one line that renews itself; a pipe
 * gets one plain line for each step that takes longer than a second, and nothing for quick ones.
 */
public final class Progress implements AutoCloseable {
  private static final long PATIENCE_MILLIS = 1000;
  private static final long TERMINAL_PERIOD_MILLIS = 200;

  private final Terminal terminal;
  private final ScheduledThreadPoolExecutor timer;
  private ScheduledFuture<?> pending;
  private String step = "";
  private long stepStartNanos;
  private boolean lineShown;

  /** Starts without a step; nothing is written yet. */
  public Progress(Terminal terminal) {
    this.terminal = terminal;
    this.timer =
        new ScheduledThreadPoolExecutor(1, Thread.ofPlatform().daemon().name("progress").factory());
  }

  /** Begins a step, which ends the one before. */
  public synchronized void step(String text) {
    clear();
    step = text;
    stepStartNanos = System.nanoTime();
    cancelPending();
    pending =
        terminal.errIsTerminal()
            ? timer.scheduleAtFixedRate(
                this::show, PATIENCE_MILLIS, TERMINAL_PERIOD_MILLIS, TimeUnit.MILLISECONDS)
            : timer.schedule(this::show, PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
  }

  private synchronized void show() {
    if (step.isEmpty()) {
      return;
    }
    if (terminal.errIsTerminal()) {
      Duration elapsed = Duration.ofNanos(System.nanoTime() - stepStartNanos);
      String seconds = String.format(Locale.ROOT, "%.1f s", elapsed.toMillis() / 1000.0);
      terminal.err().print("\r\u001b[K" + terminal.paintErr(Style.DIM, step + " ... " + seconds));
      lineShown = true;
    } else {
      terminal.err().println(step + " ...");
    }
    terminal.err().flush();
  }

  /** Removes the line from a terminal, so that other output can be written. */
  public synchronized void clear() {
    if (lineShown) {
      terminal.err().print("\r\u001b[K");
      terminal.err().flush();
      lineShown = false;
    }
  }

  private void cancelPending() {
    if (pending != null) {
      pending.cancel(false);
    }
  }

  @Override
  public void close() {
    synchronized (this) {
      step = "";
      clear();
      cancelPending();
    }
    timer.shutdownNow();
  }
}
