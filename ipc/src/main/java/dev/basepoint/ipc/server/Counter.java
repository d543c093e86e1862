package dev.basepoint.ipc.server;

import java.util.concurrent.atomic.AtomicLong;

/** A number that any thread adds to and the supervision thread reads. */
public final class Counter {
  private final String name;
  private final AtomicLong value = new AtomicLong();

  Counter(String name) {
    this.name = name;
  }

  /** The counter's key in reports. */
  public String name() {
    return name;
  }

  /** Adds {@code amount}, which is not negative. */
  public void add(long amount) {
    value.getAndAdd(amount);
  }

  /** Adds one. */
  public void increment() {
    value.getAndIncrement();
  }

  /** The sum so far. */
  public long value() {
    return value.get();
  }
}
