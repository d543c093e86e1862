package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileLock;
import dev.basepoint.ipc.linux.OpenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/**
 * One process or thread at a time changes the names in a store. Held for short steps only; the
 * kernel drops it when its holder dies.
 */
final class StoreLock implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final long RETRY_MILLIS = 5;
  private static final int OWNER_READ_WRITE = 0600;

  private final Fd file;

  private StoreLock(Fd file) {
    this.file = file;
  }

  /**
   * Waits until nobody else holds the lock.
   *
   * @throws TemplateException if that takes longer than any holder needs
   */
  static StoreLock acquire(Path path) throws IOException {
    Fd file = OpenFile.open(path.toString(), OpenFile.O_RDWR | OpenFile.O_CREAT, OWNER_READ_WRITE);
    boolean locked = false;
    try {
      long deadlineNanos = System.nanoTime() + PATIENCE.toNanos();
      while (!FileLock.tryLock(file, true)) {
        if (System.nanoTime() > deadlineNanos) {
          throw new TemplateException(
              TemplateException.Reason.BUSY,
              "another process has held " + path + " for " + PATIENCE.toSeconds() + " s");
        }
        Thread.sleep(RETRY_MILLIS);
      }
      locked = true;
      return new StoreLock(file);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while waiting for " + path, e);
    } finally {
      if (!locked) {
        file.close();
      }
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
