package dev.basepoint.device.blk;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Threads for requests that would block the queue thread. Started when there is work for them, and
 * then kept. Handing a request over takes no lock and allocates nothing.
 *
 * <pre>
 *   queue thread --> ring [ . r r r . . . ] --> I/O threads --> completion
 *                          ^head  ^tail         idle: one bit each
 * </pre>
 */
final class IoPool implements AutoCloseable {
  /** Carries a request out and reports its completion; called on an I/O thread. */
  interface Worker {
    void run(BlkRequest request);
  }

  /** The idle set is one long. */
  static final int THREADS_MAX = Long.SIZE;

  private static final long STACK_BYTES = 256 << 10;
  private static final long JOIN_MILLIS = 2_000;

  private final String name;
  private final Worker worker;
  private final Thread[] threads;
  private final AtomicLong idle = new AtomicLong();
  private final BlkRequest[] ring;
  private final AtomicLong head = new AtomicLong();
  private volatile long tail;
  private volatile boolean stopping;
  private int started;

  /**
   * Makes a pool without threads.
   *
   * @param capacity the most requests that can be in flight
   */
  IoPool(String name, int threadsMax, int capacity, Worker worker) {
    this.name = name;
    this.worker = worker;
    threads = new Thread[Math.min(threadsMax, THREADS_MAX)];
    ring = new BlkRequest[Integer.highestOneBit(Math.max(1, capacity - 1)) * 2];
  }

  /** Hands a request over; on the queue thread only. */
  void submit(BlkRequest request) {
    long at = tail;
    ring[(int) at & (ring.length - 1)] = request;
    tail = at + 1;
    wakeOne();
  }

  private void wakeOne() {
    for (long set = idle.get(); set != 0; set = idle.get()) {
      long bit = Long.lowestOneBit(set);
      if (idle.compareAndSet(set, set & ~bit)) {
        LockSupport.unpark(threads[Long.numberOfTrailingZeros(bit)]);
        return;
      }
    }
    if (started < threads.length) {
      start();
    }
  }

  private void start() {
    long bit = 1L << started;
    Thread thread = new Thread(null, () -> serve(bit), name + "-" + started, STACK_BYTES);
    thread.setDaemon(true);
    threads[started++] = thread;
    thread.start();
  }

  private void serve(long bit) {
    while (!stopping) {
      BlkRequest request = take();
      if (request != null) {
        worker.run(request);
        continue;
      }
      idle.getAndUpdate(set -> set | bit);
      if (head.get() == tail && !stopping) {
        LockSupport.park(this);
      }
      idle.getAndUpdate(set -> set & ~bit);
    }
  }

  private BlkRequest take() {
    while (true) {
      long at = head.get();
      if (at == tail) {
        return null;
      }
      // Read before it is ours: if the slot has been refilled since, head has moved on.
      BlkRequest request = ring[(int) at & (ring.length - 1)];
      if (head.compareAndSet(at, at + 1)) {
        return request;
      }
    }
  }

  /** Ends the threads, those excepted that the disk does not let go of in time. */
  @Override
  public void close() {
    stopping = true;
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(JOIN_MILLIS);
    for (int i = 0; i < started; i++) {
      LockSupport.unpark(threads[i]);
    }
    try {
      for (int i = 0; i < started; i++) {
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        threads[i].join(Math.max(1, left));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
