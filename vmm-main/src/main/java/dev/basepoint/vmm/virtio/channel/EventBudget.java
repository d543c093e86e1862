package dev.basepoint.vmm.virtio.channel;

/**
 * How many events a device server may send: a burst, and then a steady rate. One that sends more
 * would keep vmm-main and the guest busy with nothing else.
 */
final class EventBudget {
  private static final int BURST = 64;
  private static final long NANOS_PER_EVENT = 50_000_000;

  private long earnedUntilNanos;
  private int left = BURST;

  EventBudget(long nowNanos) {
    earnedUntilNanos = nowNanos;
  }

  /** Takes one event; false if the budget is used up. */
  boolean take(long nowNanos) {
    long earned = (nowNanos - earnedUntilNanos) / NANOS_PER_EVENT;
    earnedUntilNanos += earned * NANOS_PER_EVENT;
    left = (int) Math.min(BURST, left + earned);
    if (left == 0) {
      return false;
    }
    left--;
    return true;
  }
}
