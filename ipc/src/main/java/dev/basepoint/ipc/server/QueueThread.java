package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.loop.EventLoop;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The thread that alone touches the device and its queues. */
final class QueueThread implements AutoCloseable {
  private static final int STACK_BYTES = 512 * 1024;

  private final EventLoop loop;
  private final Thread thread;

  /** Something to do on the queue thread. */
  interface Step<T> {
    T run() throws IOException;
  }

  /**
   * Makes the thread and its loop; {@link #start} lets it run.
   *
   * @param fatal hears what no code of ours should throw; nothing can be served after that
   */
  QueueThread(long spinNanos, Thread.UncaughtExceptionHandler fatal) throws ErrnoException {
    loop = new EventLoop();
    loop.setSpinNanos(spinNanos);
    thread =
        Thread.ofPlatform()
            .name("queues")
            .daemon()
            .stackSize(STACK_BYTES)
            .uncaughtExceptionHandler(fatal)
            .unstarted(this::serve);
  }

  EventLoop loop() {
    return loop;
  }

  void start() {
    thread.start();
  }

  private void serve() {
    try {
      loop.run();
    } catch (ErrnoException e) {
      throw new IllegalStateException("the queue thread cannot wait for events", e);
    }
  }

  /**
   * Runs a step on the queue thread and waits for its end.
   *
   * @throws IOException what the step threw
   * @throws QueueThreadStuckException if the thread did not come round to it in time
   */
  <T> T call(Step<T> step, Duration timeout) throws IOException {
    CompletableFuture<T> done = new CompletableFuture<>();
    loop.execute(
        () -> {
          try {
            done.complete(step.run());
          } catch (IOException e) {
            done.completeExceptionally(e);
          }
        });
    try {
      return await(done, timeout);
    } catch (TimeoutException e) {
      throw new QueueThreadStuckException(
          "the queue thread did not answer within " + timeout.toMillis() + " ms", e);
    }
  }

  /**
   * Waits for something that the queue thread will complete.
   *
   * @throws TimeoutException if that took too long
   */
  static <T> T await(CompletableFuture<T> future, Duration timeout)
      throws IOException, TimeoutException {
    try {
      return future.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RequestFailedException(
          RequestFailedException.Code.FAILED, "interrupted: the server is ending");
    }
  }

  /** Ends the thread, if it still can end. */
  @Override
  public void close() {
    loop.stop();
    if (!thread.isAlive()) {
      loop.close();
      return;
    }
    try {
      if (thread.join(Duration.ofSeconds(1))) {
        loop.close();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
