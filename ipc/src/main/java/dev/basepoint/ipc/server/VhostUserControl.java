package dev.basepoint.ipc.server;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.vhostuser.BackEndSession;
import dev.basepoint.ipc.vhostuser.VhostUserException;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Serves vhost-user front ends, one at a time, on a thread of its own: the next one that connects
 * to a listening socket when the last one has left, or a single one that is connected already.
 */
final class VhostUserControl implements FrontEndControl {
  private static final int STACK_BYTES = 512 * 1024;

  private final Fd socket;
  private final boolean listening;
  private final VhostUserDevice device;
  private final Consumer<String> warnings;
  private final WarningLimit warningLimit = new WarningLimit();
  private final Runnable onLeft;
  private final Thread thread;
  private final Object lock = new Object();
  private BackEndSession session;
  private boolean ending;

  /**
   * @param socket taken over
   * @param listening whether to accept connections on it, or serve it
   * @param onLeft called when the one front end of a connected socket is gone
   */
  VhostUserControl(
      Fd socket,
      boolean listening,
      VhostUserDevice device,
      Consumer<String> warnings,
      Runnable onLeft,
      Thread.UncaughtExceptionHandler fatal) {
    this.socket = socket;
    this.listening = listening;
    this.device = device;
    this.warnings = warnings;
    this.onLeft = onLeft;
    thread =
        Thread.ofPlatform()
            .name("vhost-user")
            .daemon()
            .stackSize(STACK_BYTES)
            .uncaughtExceptionHandler(fatal)
            .unstarted(this::serve);
  }

  @Override
  public void start() {
    thread.start();
  }

  private void serve() {
    try {
      if (listening) {
        while (!isEnding()) {
          Fd connection =
              UnixSocket.accept(socket, System.nanoTime() + TimeUnit.MINUTES.toNanos(10));
          if (connection != null) {
            serve(connection);
          }
        }
      } else {
        serve(socket);
        if (!isEnding()) {
          onLeft.run();
        }
      }
    } catch (IOException | IllegalStateException e) {
      // Once it ends, descriptors may be closed under it: nobody waits for a slow thread for ever.
      if (!isEnding()) {
        // Memory that may still be in use must not be unmapped; the launcher starts a new process.
        throw new IllegalStateException("the vhost-user service cannot go on", e);
      }
    }
  }

  private void serve(Fd connection) throws IOException {
    BackEndSession served = new BackEndSession(UnixSocket.own(connection), device, this::warn);
    synchronized (lock) {
      if (ending) {
        connection.close();
        return;
      }
      session = served;
    }
    try {
      served.serve();
    } catch (VhostUserException e) {
      warn("vhost-user connection closed: " + e.getMessage());
    } finally {
      synchronized (lock) {
        session = null;
      }
      served.close();
    }
  }

  /** Safe from any thread. */
  private void warn(String text) {
    long suppressed;
    synchronized (warningLimit) {
      if (!warningLimit.admit()) {
        return;
      }
      suppressed = warningLimit.takeSuppressed();
    }
    warnings.accept(
        suppressed == 0 ? text : text + " (" + suppressed + " warnings before were dropped)");
  }

  private boolean isEnding() {
    synchronized (lock) {
      return ending;
    }
  }

  @Override
  public void configChanged(byte[] config) {
    synchronized (lock) {
      if (session != null) {
        session.configChanged();
      }
    }
  }

  @Override
  public void broken(int queue, String reason) {
    warn(reason + "; not served before the driver resets the device");
    synchronized (lock) {
      if (session != null) {
        session.ringBroken(queue);
      }
    }
  }

  @Override
  public void close(Duration timeout) {
    synchronized (lock) {
      ending = true;
      if (session == null) {
        return;
      }
      session.shutdown();
    }
    try {
      thread.join(timeout);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
