package dev.basepoint.vmm.virtio.channel;

import dev.basepoint.ipc.loop.EventLoop;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Tasks that must have run on the I/O thread before their caller goes on. */
public final class LoopTasks {
  private static final long DEADLINE_SECONDS = 5;

  private LoopTasks() {}

  /**
   * Runs {@code task} on the loop's thread and waits for it. Where no thread serves the loop, there
   * is nothing to agree with, and the task does not run.
   */
  public static void runAndWait(EventLoop loop, Runnable task) {
    if (!loop.isRunning()) {
      return;
    }
    try {
      loop.submit(task).get(DEADLINE_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException | TimeoutException e) {
      throw new IllegalStateException("the I/O thread does not run tasks", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
