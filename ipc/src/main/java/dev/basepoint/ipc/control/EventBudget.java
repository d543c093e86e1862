package dev.basepoint.ipc.control;

/**
 * How many events a peer may send: a burst, and then a steady rate. One that sends more would keep
 * its hearer busy with nothing else. For one thread.
 */
public final class EventBudget {
  private final int burst;
  private final long nanosPerEvent;
  private long earnedUntilNanos;
  private int left;

  /**
   * @param burst events that may come at once
   * @param nanosPerEvent between two events for good
   */
  public EventBudget(int burst, long nanosPerEvent, long nowNanos) {
    this.burst = burst;
    this.nanosPerEvent = nanosPerEvent;
    earnedUntilNanos = nowNanos;
    left = burst;
  }

  /** Takes one event; false if the budget is used up. */
  public boolean take(long nowNanos) {
    long earned = (nowNanos - earnedUntilNanos) / nanosPerEvent;
    earnedUntilNanos += earned * nanosPerEvent;
    left = (int) Math.min(burst, left + earned);
    if (left == 0) {
      return false;
    }
    left--;
    return true;
  }
}
