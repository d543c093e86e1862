package dev.basepoint.launcher.fork;

import dev.basepoint.launcher.basepoint.TemplateException;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The place of one template among those that are forked. What is in it changes when another command
 * removes or replaces the template, and when its limits want it made again: that happens on a
 * thread of its own while forks of the worn one go on, for as long as its limits allow.
 */
final class TemplateSlot implements AutoCloseable {
  /** How long the worn template serves on while the pool of the new one fills. */
  private static final Duration WARM_UP = Duration.ofSeconds(20);

  /** After a failure, before another making is begun that nobody waits for. */
  private static final Duration RETRY = Duration.ofMinutes(1);

  private static final Duration END_TIMEOUT = Duration.ofMinutes(2);

  /** Opens what the template's name means at present. */
  @FunctionalInterface
  interface Opener {
    /**
     * @throws TemplateException if there is nothing, or not for {@code tenant}
     */
    TemplateForks open(String tenant) throws IOException;
  }

  private final String name;
  private final Opener opener;
  private final Remaker remaker;
  private final TemplateEvents events;
  private final Set<Thread> threads = ConcurrentHashMap.newKeySet();
  private volatile TemplateForks forks;
  private CompletableFuture<Void> remaking;
  private long retryNanos = System.nanoTime();
  private boolean closed;

  TemplateSlot(String name, Opener opener, Remaker remaker, TemplateEvents events) {
    this.name = name;
    this.opener = opener;
    this.remaker = remaker;
    this.events = events;
  }

  /** What is forked at present, or null; without waiting for anybody. */
  TemplateForks present() {
    return forks;
  }

  /** What is to be forked, opened if it is not open. */
  synchronized TemplateForks open(String tenant) throws IOException {
    requireOpen();
    // While a making is under way the worn one serves on, though it may have lost its name.
    if (forks != null && remaking == null && !forks.isCurrent()) {
      giveUp(forks);
      forks = null;
    }
    if (forks == null) {
      forks = opener.open(tenant);
    }
    forks.template().requireTenant(tenant);
    return forks;
  }

  private void requireOpen() throws IOException {
    if (closed) {
      throw new IOException("the daemon is about to end");
    }
  }

  /** On a thread of its own, since clones in a pool take long to end. */
  private void giveUp(TemplateForks old) {
    run("end-template-" + name, old::close);
  }

  private void run(String threadName, Runnable task) {
    Thread thread =
        Thread.ofPlatform()
            .name(threadName)
            .unstarted(
                () -> {
                  try {
                    task.run();
                  } finally {
                    threads.remove(Thread.currentThread());
                  }
                });
    threads.add(thread);
    thread.start();
  }

  /** Begins to make the template again if {@code worn} is near one of its limits. */
  void remakeAhead(TemplateForks worn) {
    if (!worn.isWearing()) {
      return;
    }
    synchronized (this) {
      if (!closed && forks == worn && remaking == null && System.nanoTime() - retryNanos >= 0) {
        begin(worn);
      }
    }
  }

  /**
   * Waits until the template was made again.
   *
   * @param worn the one whose limits allow no further fork
   * @param refusal why
   * @throws TemplateException if it could not, or takes too long
   */
  void awaitRemade(TemplateForks worn, TemplateException refusal) throws IOException {
    CompletableFuture<Void> done;
    synchronized (this) {
      requireOpen();
      if (forks != worn) {
        return;
      }
      if (remaking == null) {
        begin(worn);
      }
      done = remaking;
    }
    try {
      done.get(worn.remakeTimeout().toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw refused(refusal, "it could not be made again: " + e.getCause().getMessage(), e);
    } catch (TimeoutException e) {
      throw refused(refusal, "making it again takes longer than expected; try again later", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("the daemon is about to end", e);
    }
  }

  private static TemplateException refused(
      TemplateException refusal, String reason, Exception cause) {
    return new TemplateException(
        TemplateException.Reason.EXHAUSTED, refusal.getMessage() + ", and " + reason, cause);
  }

  /** The caller holds the monitor. */
  private void begin(TemplateForks worn) {
    remaking = new CompletableFuture<>();
    run("remake-" + name, () -> remake(worn));
  }

  private void remake(TemplateForks worn) {
    long startNanos = System.nanoTime();
    TemplateForks next = null;
    Throwable failure = null;
    try {
      remaker.remake(worn.template(), worn.manifest());
      next = opener.open(worn.template().tenant());
      if (!worn.isExhausted()) {
        next.pool().awaitFull(WARM_UP);
      }
    } catch (IOException | RuntimeException | InterruptedException e) {
      failure = e;
    }
    CompletableFuture<Void> done = settle(next);
    if (failure == null) {
      done.complete(null);
      events.onRemade(name, TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startNanos));
    } else {
      done.completeExceptionally(failure);
      events.onRemakeFailed(name, String.valueOf(failure.getMessage()));
    }
  }

  /** Puts what was made, if anything, in the worn one's place. */
  private synchronized CompletableFuture<Void> settle(TemplateForks next) {
    CompletableFuture<Void> done = remaking;
    remaking = null;
    if (next == null) {
      retryNanos = System.nanoTime() + RETRY.toNanos();
    } else if (closed) {
      giveUp(next);
    } else {
      giveUp(forks);
      forks = next;
    }
    return done;
  }

  /** Lets go of the template and ends all clones that wait. */
  @Override
  public void close() {
    TemplateForks last;
    synchronized (this) {
      closed = true;
      last = forks;
      forks = null;
    }
    remaker.cancel();
    if (last != null) {
      last.close();
    }
    awaitThreads();
  }

  /** Those of them that begin others are among those that are waited for. */
  private void awaitThreads() {
    long deadlineNanos = System.nanoTime() + END_TIMEOUT.toNanos();
    try {
      while (!threads.isEmpty() && System.nanoTime() - deadlineNanos < 0) {
        for (Thread thread : threads) {
          thread.join(Duration.ofNanos(Math.max(0, deadlineNanos - System.nanoTime())));
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
