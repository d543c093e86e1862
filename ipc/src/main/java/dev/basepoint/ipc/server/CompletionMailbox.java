package dev.basepoint.ipc.server;

import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.loop.EventLoop;
import java.io.IOException;

/**
 * Carries results from a device's worker threads to its queue thread, which alone may touch the
 * queues. Posting allocates nothing; the queue thread is woken once per batch.
 */
public final class CompletionMailbox implements AutoCloseable {
  /** The device's end, called on the queue thread. */
  public interface Receiver {
    /** One result, in the order of posting. */
    void onCompletion(int token, long result);

    /** All results of a wake-up have been delivered: the place to flush. */
    void onBatchEnd();
  }

  private final EventFd event;
  private final EventLoop.Registration registration;
  private final Receiver receiver;
  private final Object lock = new Object();
  private Batch filling;
  private Batch delivering;

  private static final class Batch {
    final int[] tokens;
    final long[] results;
    int count;

    Batch(int capacity) {
      tokens = new int[capacity];
      results = new long[capacity];
    }
  }

  /**
   * Opens a mailbox; on the loop's thread, or before the loop runs.
   *
   * @param capacity the most results that can be on their way: the requests in flight at most
   */
  public CompletionMailbox(EventLoop loop, int capacity, Receiver receiver) throws IOException {
    this.receiver = receiver;
    filling = new Batch(capacity);
    delivering = new Batch(capacity);
    event = EventFd.create();
    registration = loop.watch(event.fd(), Epoll.EPOLLIN, _ -> deliver());
  }

  /**
   * Posts a result; safe from any thread.
   *
   * @throws IllegalStateException if there are more than {@code capacity}
   */
  public void post(int token, long result) {
    boolean first;
    synchronized (lock) {
      Batch batch = filling;
      if (batch.count == batch.tokens.length) {
        throw new IllegalStateException("more completions than requests");
      }
      batch.tokens[batch.count] = token;
      batch.results[batch.count] = result;
      first = batch.count++ == 0;
    }
    if (first) {
      event.signal();
    }
  }

  private void deliver() {
    event.drain();
    Batch batch;
    synchronized (lock) {
      batch = filling;
      filling = delivering;
      delivering = batch;
    }
    for (int i = 0; i < batch.count; i++) {
      receiver.onCompletion(batch.tokens[i], batch.results[i]);
    }
    batch.count = 0;
    receiver.onBatchEnd();
  }

  /** Closes the mailbox; on the loop's thread, after the workers have stopped posting. */
  @Override
  public void close() {
    registration.cancel();
    event.close();
  }
}
