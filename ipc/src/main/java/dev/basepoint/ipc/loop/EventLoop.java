package dev.basepoint.ipc.loop;

import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Waits for descriptors on one thread and calls their handlers there.
 *
 * <p>Between events it may poll: while a poller reports work, and for a bounded time after, the
 * loop spins instead of sleeping, since a wake-up across CPUs costs more than the request itself.
 * It does so only while that pays: once nothing came within the time, it sleeps at once, until
 * after a shorter sleep than that. With no pollers, or a spin time of 0, it sleeps at once always.
 * An event allocates nothing.
 */
public final class EventLoop implements AutoCloseable {
  private static final int EVENTS_PER_WAIT = 64;

  /** Looks into memory cost tens of nanoseconds, a look at the descriptors hundreds. */
  private static final int SPINS_PER_WAIT = 32;

  /** Called when its descriptor is ready, with the epoll event mask. */
  @FunctionalInterface
  public interface Handler {
    void onReady(int events);
  }

  /** Looks for work without being told; returns whether it did any. */
  @FunctionalInterface
  public interface Poller {
    boolean poll();

    /**
     * The loop is about to sleep: the place to ask for notifications again.
     *
     * @return whether there is work after all, so that the loop must not sleep
     */
    default boolean beforeSleep() {
      return false;
    }
  }

  /** A watched descriptor. */
  public final class Registration {
    private final Fd fd;
    private final Handler handler;
    private final int slot;
    private boolean active = true;

    private Registration(Fd fd, Handler handler, int slot) {
      this.fd = fd;
      this.handler = handler;
      this.slot = slot;
    }

    /** Waits for other events from now on. */
    public void setEvents(int events) throws ErrnoException {
      if (active) {
        epoll.modify(fd, events, slot);
      }
    }

    /** Stops watching; must be called before the descriptor is closed. Idempotent. */
    public void cancel() {
      if (active) {
        active = false;
        try {
          epoll.remove(fd);
        } catch (ErrnoException e) {
          throw new IllegalStateException("descriptor was closed while watched", e);
        }
        cancelled.add(this);
      }
    }
  }

  private final Epoll epoll;
  private final EventFd wake;
  private final List<Registration> registrations = new ArrayList<>();
  private final ArrayDeque<Integer> freeSlots = new ArrayDeque<>();
  private final List<Registration> cancelled = new ArrayList<>();
  private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();
  private Poller[] pollers = new Poller[0];
  private volatile long spinNanos;
  private long spinUntil;
  private long lastWorkNanos;
  private boolean spinningPays;
  private volatile boolean stopping;
  private volatile Thread thread;

  public EventLoop() throws ErrnoException {
    epoll = new Epoll(EVENTS_PER_WAIT);
    wake = EventFd.create();
    watch(wake.fd(), Epoll.EPOLLIN, events -> wake.drain());
  }

  /** How long the loop looks for work after the last of it before it sleeps. */
  public void setSpinNanos(long spinNanos) {
    this.spinNanos = spinNanos;
  }

  /**
   * Watches a descriptor. Before the loop runs any thread may call this, afterwards only the
   * loop's.
   *
   * @param events Epoll.EPOLLIN and the like
   */
  public Registration watch(Fd fd, int events, Handler handler) throws ErrnoException {
    Integer free = freeSlots.poll();
    int slot = free == null ? registrations.size() : free;
    Registration registration = new Registration(fd, handler, slot);
    epoll.add(fd, events, slot);
    if (slot == registrations.size()) {
      registrations.add(registration);
    } else {
      registrations.set(slot, registration);
    }
    return registration;
  }

  /** Adds a poller; same thread rule as {@link #watch}. */
  public void addPoller(Poller poller) {
    Poller[] more = java.util.Arrays.copyOf(pollers, pollers.length + 1);
    more[pollers.length] = poller;
    pollers = more;
  }

  /** Removes a poller; same thread rule as {@link #watch}. */
  public void removePoller(Poller poller) {
    pollers = java.util.Arrays.stream(pollers).filter(p -> p != poller).toArray(Poller[]::new);
  }

  /** Runs {@code task} on the loop's thread, soon; safe from any thread. */
  public void execute(Runnable task) {
    tasks.add(task);
    wake.signal();
  }

  /** Runs {@code task} on the loop's thread; the future tells its end. */
  public CompletableFuture<Void> submit(Runnable task) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    execute(
        () -> {
          try {
            task.run();
            done.complete(null);
          } catch (RuntimeException e) {
            done.completeExceptionally(e);
          }
        });
    return done;
  }

  /** Whether a thread serves the loop, so that what is submitted to it will run. */
  public boolean isRunning() {
    Thread server = thread;
    return server != null && server.isAlive() && !stopping;
  }

  /** Whether the caller runs on the loop's thread. */
  public boolean onLoopThread() {
    return Thread.currentThread() == thread;
  }

  /** Serves events on the calling thread until {@link #stop}. */
  public void run() throws ErrnoException {
    while (!stopping) {
      runOnce(-1);
    }
  }

  /**
   * Waits for events once, at most {@code timeoutMillis} (-1: for ever), and serves them on the
   * calling thread.
   */
  public void runOnce(int timeoutMillis) throws ErrnoException {
    thread = Thread.currentThread();
    boolean spinning = pollers.length > 0 && System.nanoTime() < spinUntil;
    boolean awake = spinning || workBeforeSleep();
    int ready = epoll.waitForEvents(awake ? 0 : timeoutMillis);
    boolean worked = ready > 0;
    for (int i = 0; i < ready; i++) {
      dispatch((int) epoll.readyToken(i), epoll.readyEvents(i));
    }
    if (!awake && worked) {
      judgeSpinning();
    }
    worked |= runPollers(spinning ? SPINS_PER_WAIT : 1);
    runTasks();
    releaseSlots();
    if (worked && spinNanos > 0) {
      lastWorkNanos = System.nanoTime();
      spinUntil = spinningPays ? lastWorkNanos + spinNanos : lastWorkNanos;
    }
  }

  /** After a sleep: would work have come while we spun? */
  private void judgeSpinning() {
    long limit = spinNanos;
    if (limit > 0) {
      spinningPays = System.nanoTime() - lastWorkNanos <= limit;
    }
  }

  private boolean runPollers(int rounds) {
    for (int round = 0; round < rounds; round++) {
      boolean worked = false;
      for (Poller poller : pollers) {
        worked |= poller.poll();
      }
      if (worked) {
        return true;
      }
      Thread.onSpinWait();
    }
    return false;
  }

  private boolean workBeforeSleep() {
    boolean work = false;
    for (Poller poller : pollers) {
      work |= poller.beforeSleep();
    }
    return work;
  }

  private void dispatch(int slot, int events) {
    Registration registration = registrations.get(slot);
    if (registration.active) {
      registration.handler.onReady(events);
    }
  }

  private void runTasks() {
    for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
      task.run();
    }
  }

  /** Slots are reused only between waits: an event of this round may still name a cancelled one. */
  private void releaseSlots() {
    for (int i = 0; i < cancelled.size(); i++) {
      freeSlots.add(cancelled.get(i).slot);
    }
    cancelled.clear();
  }

  /** Makes {@link #run} return; safe from any thread. */
  public void stop() {
    stopping = true;
    wake.signal();
  }

  @Override
  public void close() {
    wake.close();
    epoll.close();
  }
}
