package dev.basepoint.launcher.fork;

/** Notes when the steps of one fork were done. */
final class ForkClock {
  private final long requestedNanos;
  private boolean remade;
  private boolean warm;
  private long takenNanos;
  private long overriddenNanos;
  private long runningNanos;

  /**
   * @param requestedNanos when the request came, as System.nanoTime
   */
  ForkClock(long requestedNanos) {
    this.requestedNanos = requestedNanos;
  }

  long requestedNanos() {
    return requestedNanos;
  }

  /** The template was made again, which the request waited for. */
  void remade() {
    remade = true;
  }

  /**
   * A clone is at hand.
   *
   * @param waited whether it had been waiting for a request
   */
  void taken(boolean waited) {
    warm = waited;
    takenNanos = sinceRequest();
  }

  /** The clone's devices are as they shall be. */
  void overridden() {
    overriddenNanos = sinceRequest();
  }

  /** The clone's vCPUs run. */
  void running() {
    runningNanos = sinceRequest();
  }

  private long sinceRequest() {
    return System.nanoTime() - requestedNanos;
  }

  ForkTimes times() {
    return new ForkTimes(remade, warm, takenNanos, overriddenNanos, runningNanos);
  }
}
