package dev.basepoint.launcher.fork;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Clones of one template that wait for a request. A thread of the pool's own refills it behind the
 * requests, one clone at a time; a clone that dies while it waits is replaced like one that was
 * taken.
 */
final class ClonePool implements AutoCloseable {
  private static final Duration RETRY_FIRST = Duration.ofSeconds(1);
  private static final Duration RETRY_LAST = Duration.ofSeconds(30);
  private static final Duration HEALTH_CHECK = Duration.ofSeconds(1);

  /** Makes a clone that is ready to be taken. */
  @FunctionalInterface
  interface Maker {
    PreparedClone make() throws IOException;
  }

  private final Maker maker;
  private final PoolSettings settings;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Deque<PreparedClone> waiting = new ArrayDeque<>();
  private final Thread refiller;
  private boolean making;
  private boolean closed;
  private long lastTakenNanos;
  private long cloneBytes;
  private long made;
  private long makingNanos;
  private String trouble;

  /**
   * An empty pool that fills from now on.
   *
   * @param name of the template
   */
  ClonePool(String name, PoolSettings settings, Maker maker) {
    this.maker = maker;
    this.settings = settings;
    lastTakenNanos = System.nanoTime() - PoolSettings.QUIET.toNanos();
    refiller = Thread.ofPlatform().name("pool-" + name).daemon().start(this::refill);
  }

  /** A waiting clone, or null if none waits. */
  PreparedClone poll() {
    List<PreparedClone> dead = new ArrayList<>();
    lock.lock();
    try {
      lastTakenNanos = System.nanoTime();
      PreparedClone clone = waiting.poll();
      while (clone != null && !clone.isIntact()) {
        dead.add(clone);
        clone = waiting.poll();
      }
      changed.signalAll();
      return clone;
    } finally {
      lock.unlock();
      dead.forEach(PreparedClone::close);
    }
  }

  /**
   * Waits until the pool is as full as it may be, or cannot be filled.
   *
   * @return whether it is full
   */
  boolean awaitFull(Duration timeout) throws InterruptedException {
    long leftNanos = timeout.toNanos();
    lock.lock();
    try {
      while (!closed && hasRoom() && trouble == null) {
        if (leftNanos <= 0) {
          return false;
        }
        leftNanos = changed.awaitNanos(leftNanos);
      }
      return !hasRoom();
    } finally {
      lock.unlock();
    }
  }

  /** How the pool stands. */
  PoolStatus status() {
    lock.lock();
    try {
      return new PoolStatus(
          settings.size(),
          waiting.size(),
          making,
          made,
          made == 0 ? 0 : makingNanos / made,
          cloneBytes,
          Optional.ofNullable(trouble));
    } finally {
      lock.unlock();
    }
  }

  private boolean hasRoom() {
    return waiting.size() < settings.size()
        && (waiting.size() + 1) * cloneBytes <= settings.memoryBytesMax();
  }

  private void refill() {
    Duration retry = RETRY_FIRST;
    while (awaitRoom()) {
      try {
        add();
        retry = RETRY_FIRST;
      } catch (IOException | RuntimeException | OutOfMemoryError e) {
        // The last is also how a thread too many shows, which passes.
        if (!pause(e.getMessage(), retry)) {
          return;
        }
        retry =
            retry.multipliedBy(2).compareTo(RETRY_LAST) > 0 ? RETRY_LAST : retry.multipliedBy(2);
      }
    }
  }

  /** Waits until a clone is to be made; false if none ever is. */
  private boolean awaitRoom() {
    while (true) {
      List<PreparedClone> dead = new ArrayList<>();
      lock.lock();
      try {
        if (closed) {
          return false;
        }
        waiting.removeIf(clone -> !clone.isIntact() && dead.add(clone));
        long quietNanos = lastTakenNanos + PoolSettings.QUIET.toNanos() - System.nanoTime();
        if (hasRoom() && (quietNanos <= 0 || waiting.isEmpty())) {
          making = true;
          return true;
        }
        var _ = changed.awaitNanos(hasRoom() ? Math.max(quietNanos, 1) : HEALTH_CHECK.toNanos());
      } catch (InterruptedException e) {
        return false;
      } finally {
        lock.unlock();
        dead.forEach(PreparedClone::close);
      }
    }
  }

  private void add() throws IOException {
    long startNanos = System.nanoTime();
    PreparedClone clone = null;
    try {
      clone = maker.make();
    } finally {
      lock.lock();
      try {
        making = false;
        if (clone != null) {
          trouble = null;
          made++;
          makingNanos += System.nanoTime() - startNanos;
          cloneBytes = clone.privateBytes();
        }
        if (clone != null && !closed) {
          waiting.add(clone);
          clone = null;
        }
        changed.signalAll();
      } finally {
        lock.unlock();
      }
      if (clone != null) {
        clone.close();
      }
    }
  }

  /** Notes why the pool cannot be filled, and waits before the next try; false if there is none. */
  private boolean pause(String reason, Duration duration) {
    lock.lock();
    try {
      trouble = reason;
      changed.signalAll();
      long leftNanos = duration.toNanos();
      while (!closed && leftNanos > 0) {
        leftNanos = changed.awaitNanos(leftNanos);
      }
      return !closed;
    } catch (InterruptedException e) {
      return false;
    } finally {
      lock.unlock();
    }
  }

  /** Ends all waiting clones. */
  @Override
  public void close() {
    List<PreparedClone> left;
    lock.lock();
    try {
      closed = true;
      left = List.copyOf(waiting);
      waiting.clear();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    try {
      refiller.join(TimeUnit.MINUTES.toMillis(1));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    List<Thread> ends = new ArrayList<>();
    for (PreparedClone clone : left) {
      ends.add(Thread.ofPlatform().name("end-" + clone.vm().manifest().name()).start(clone::close));
    }
    for (Thread end : ends) {
      try {
        end.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
