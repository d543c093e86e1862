package dev.basepoint.vmm.machine;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.loop.EventLoop;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * The one thread that serves the descriptors of all devices: kicks of the guest, calls of the
 * device servers, console input. It ends only when closed; a failure on it is reported and fatal.
 */
public final class IoThread implements AutoCloseable {
  private static final Duration JOIN_DEADLINE = Duration.ofSeconds(5);
  private static final Duration START_DEADLINE = Duration.ofSeconds(5);
  private static final long STACK_BYTES = 512 * 1024;

  private final EventLoop loop;
  private final Thread thread;
  private final Consumer<Throwable> onFailure;

  /**
   * Makes the thread without starting it, so that descriptors can be registered from here.
   *
   * @param onFailure called on the thread when a handler throws; the loop has then ended
   */
  public IoThread(Consumer<Throwable> onFailure) throws ErrnoException {
    this.loop = new EventLoop();
    this.onFailure = onFailure;
    this.thread =
        Thread.ofPlatform().name("io").daemon().stackSize(STACK_BYTES).unstarted(this::run);
  }

  /** The loop; see its thread rules. */
  public EventLoop loop() {
    return loop;
  }

  /** Starts serving, and returns when the loop does: tasks given to it from now on will run. */
  public void start() {
    thread.start();
    try {
      loop.submit(() -> {}).get(START_DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException e) {
      throw new IllegalStateException("the I/O thread does not start", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while the I/O thread was starting", e);
    }
  }

  private void run() {
    try {
      loop.run();
    } catch (ErrnoException | RuntimeException | Error e) {
      onFailure.accept(e);
    }
  }

  /** Ends the thread; the loop's descriptors may then be cancelled from anywhere. Idempotent. */
  public void stop() {
    loop.stop();
    try {
      if (thread.isAlive() && !thread.join(JOIN_DEADLINE)) {
        throw new IllegalStateException("the I/O thread does not end");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while the I/O thread was ending", e);
    }
  }

  /** Ends the thread, then frees the loop. */
  @Override
  public void close() {
    stop();
    loop.close();
  }
}
