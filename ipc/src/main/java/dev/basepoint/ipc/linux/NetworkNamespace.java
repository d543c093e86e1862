package dev.basepoint.ipc.linux;

import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** Runs code inside another network namespace without moving the process there. */
public final class NetworkNamespace {
  private static final int SYS_SETNS = 308;
  private static final int CLONE_NEWNET = 0x40000000;

  /** What runs inside. */
  @FunctionalInterface
  public interface Action<T> {
    T run() throws IOException;
  }

  private NetworkNamespace() {}

  /**
   * Runs {@code action} on a thread of its own that has joined the namespace; a thread's namespace
   * is its own, so the caller's does not change.
   *
   * @param path of the namespace, for example /run/netns/tenant1 or /proc/PID/ns/net
   */
  public static <T> T call(String path, Action<T> action) throws IOException {
    FutureTask<T> task =
        new FutureTask<>(
            () -> {
              try (Fd namespace = OpenFile.open(path, OpenFile.O_RDONLY)) {
                ErrnoException.check(
                    Libc.syscall(SYS_SETNS, namespace.number(), CLONE_NEWNET, 0), "setns " + path);
              }
              return action.run();
            });
    Thread thread = Thread.ofPlatform().name("netns").start(task);
    try {
      thread.join();
      return task.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted in namespace " + path, e);
    }
  }
}
