package dev.basepoint.vmm.virtio.channel;

import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.ProtocolException;
import dev.basepoint.ipc.control.Requester;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.vmm.virtio.mmio.ConfigSpace;
import dev.basepoint.vmm.virtio.mmio.DriverSetup;
import dev.basepoint.vmm.virtio.mmio.VirtioMmio;
import dev.basepoint.vmm.virtio.shadow.DeviceProfile;
import dev.basepoint.vmm.virtio.shadow.ShadowCounters;
import dev.basepoint.vmm.virtio.shadow.ShadowDevice;
import dev.basepoint.vmm.virtio.shadow.Window;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * Keeps one device server in the state that the guest wants, on a thread of its own, so that
 * neither a vCPU nor the I/O thread nor another device ever waits for it.
 *
 * <p>Others state what is wanted, under the device's lock, and go on: {@link #activate}, {@link
 * #reset}, {@link #writeConfig}, {@link #serverFailed}. The thread compares that with what it has
 * done. So a guest that resets a thousand times costs the server as many steps as it can follow,
 * and no queue grows.
 */
public final class DeviceController implements AutoCloseable {
  private static final int CONFIG_WRITES_MAX = 64;
  private static final long STACK_BYTES = 256 * 1024;
  private static final long JOIN_MILLIS = 6_000;

  /** What the thread does next. */
  private enum Step {
    CLOSE,
    REPORT_WARNING,
    HANDLE_FAILURE,
    GIVE_UP,
    REPLACE,
    APPLY,
    WRITE_CONFIG,
    CHECK
  }

  private final String name;
  private final DeviceProfile profile;
  private final Deadlines deadlines;
  private final Consumer<SupervisionEvent> events;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ConfigSpace config = new ConfigSpace();
  private final ShadowCounters counters = new ShadowCounters();
  private final CompletableFuture<VirtioMmio.Identity> identity = new CompletableFuture<>();
  private final Thread thread;

  // Guarded by the lock. Set once by bind.
  private VirtioMmio transport;
  private ShadowDevice shadow;
  private EventLoop loop;

  // Guarded by the lock: what is wanted.
  private DriverSetup wanted;
  private long wantedEpoch;
  private long stoppedQueues;
  private final ArrayDeque<DeviceRequest.WriteConfig> configWrites = new ArrayDeque<>();
  private Fd replacement;
  private boolean closing;

  // Guarded by the lock: what has happened.
  private String failure;
  private boolean failureIsNews;
  private String warning;
  private boolean warned;
  private Listener listener;

  // The control thread's own: what has been done.
  private Fd channel;
  private DeviceSession session;
  private DeviceReply.Info info;
  private List<EventLoop.Registration> callRegistrations = List.of();
  private Window window;
  private List<Integer> windowQueues = List.of();
  private long appliedEpoch;
  private boolean awaitingReplacement;
  private long replacementByNanos;
  private long nextPingNanos;
  private long nextStallCheckNanos;

  /**
   * @param channel vmm-main's end of the device channel, owned from now on
   * @param events hears of failures, on the control thread
   */
  public DeviceController(
      String name,
      DeviceProfile profile,
      Fd channel,
      Deadlines deadlines,
      Consumer<SupervisionEvent> events) {
    this.name = name;
    this.profile = profile;
    this.channel = channel;
    this.deadlines = deadlines;
    this.events = events;
    thread =
        Thread.ofPlatform()
            .name("device-" + name)
            .daemon()
            .stackSize(STACK_BYTES)
            .unstarted(this::run);
  }

  /** Starts to talk to the server; {@link #awaitIdentity} tells the outcome. */
  public void start() {
    thread.start();
  }

  /** The device's lock: registers, shadow queues, counters and wishes are guarded by it. */
  public ReentrantLock lock() {
    return lock;
  }

  /** The configuration space, as the server last described it. */
  public ConfigSpace config() {
    return config;
  }

  /** The device's counters. */
  public ShadowCounters counters() {
    return counters;
  }

  /**
   * Waits until the server has said what it is.
   *
   * @throws IOException if it did not, in time and truly; the message names the device
   */
  public VirtioMmio.Identity awaitIdentity() throws IOException {
    try {
      // Two requests, each with its own deadline.
      return identity.get(3 * deadlines.request().toNanos(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      throw new IOException("device " + name + ": " + e.getCause().getMessage(), e.getCause());
    } catch (TimeoutException e) {
      throw new IOException("device " + name + " does not say what it is", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while waiting for device " + name, e);
    }
  }

  /** Connects the machine's side; once, after {@link #awaitIdentity}. */
  public void bind(VirtioMmio boundTransport, ShadowDevice boundShadow, EventLoop boundLoop) {
    lock.lock();
    try {
      transport = boundTransport;
      shadow = boundShadow;
      loop = boundLoop;
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  /** The guest wants its queues served; the caller holds the lock. */
  public void activate(DriverSetup setup) {
    wanted = setup.queues().isEmpty() ? null : setup;
    stoppedQueues = 0;
    wantedEpoch++;
    changed.signal();
  }

  /** The guest wants nothing any more; the caller holds the lock. */
  public void reset() {
    shadow.stop();
    wanted = null;
    stoppedQueues = 0;
    wantedEpoch++;
    counters.reset();
    changed.signal();
  }

  /** The guest wants one queue no more; the caller holds the lock. */
  public void stopQueue(int index) {
    stoppedQueues |= 1L << index;
    shadow.stopQueue(index);
  }

  /** The guest has written to the configuration space; the caller holds the lock. */
  public boolean writeConfig(DeviceRequest.WriteConfig write) {
    if (configWrites.size() == CONFIG_WRITES_MAX) {
      return false;
    }
    configWrites.add(write);
    changed.signal();
    return true;
  }

  /** The server cannot be trusted or reached any more; the caller holds the lock. */
  public void serverFailed(String reason) {
    if (failure != null) {
      return;
    }
    failure = reason;
    failureIsNews = true;
    counters.failure();
    if (shadow != null) {
      if (deadlines.replacement().isZero()) {
        shadow.stop();
        transport.needsReset();
      } else {
        shadow.suspend();
      }
    }
    changed.signal();
  }

  /**
   * The driver has made a mistake; the caller holds the lock. Counted always and reported once,
   * since a guest must not be able to flood the launcher.
   */
  public void driverError(String what) {
    counters.driverError();
    if (!warned) {
      warned = true;
      warning = "the driver of " + name + " erred: " + what;
      changed.signal();
    }
  }

  /**
   * Gives the device another server, whose channel this is, in place of one that has failed. If the
   * driver has not been told of the failure yet, it never will be: requests in flight are issued
   * again.
   */
  public void replaceServer(Fd newChannel) {
    lock.lock();
    try {
      if (replacement != null) {
        replacement.close();
      }
      replacement = newChannel;
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    try {
      Fd first = channel;
      channel = null;
      open(first);
      info = session.info();
      lock.lock();
      try {
        config.replace(info.config());
      } finally {
        lock.unlock();
      }
      identity.complete(Identities.check(info, profile));
    } catch (IOException | RuntimeException e) {
      identity.completeExceptionally(e);
      closeSession();
      return;
    }
    if (awaitBinding()) {
      watchCalls();
      serve();
    }
    closeSession();
    closeWindow();
  }

  private boolean awaitBinding() {
    lock.lock();
    try {
      while (!closing && shadow == null) {
        changed.awaitUninterruptibly();
      }
      return !closing;
    } finally {
      lock.unlock();
    }
  }

  private void serve() {
    long now = System.nanoTime();
    nextPingNanos = now + deadlines.idle().toNanos();
    nextStallCheckNanos = now + deadlines.completion().toNanos();
    while (true) {
      Step step = nextStep();
      if (step == Step.CLOSE) {
        return;
      }
      try {
        perform(step);
      } catch (IOException | RuntimeException e) {
        fail(e.getMessage() == null ? e.toString() : e.getMessage());
      }
    }
  }

  private Step nextStep() {
    lock.lock();
    try {
      while (true) {
        if (closing) {
          return Step.CLOSE;
        }
        if (warning != null) {
          return Step.REPORT_WARNING;
        }
        if (failureIsNews) {
          return Step.HANDLE_FAILURE;
        }
        if (replacement != null && session == null) {
          return Step.REPLACE;
        }
        long now = System.nanoTime();
        if (awaitingReplacement && now - replacementByNanos >= 0) {
          return Step.GIVE_UP;
        }
        if (wantedEpoch != appliedEpoch && !awaitingReplacement) {
          return Step.APPLY;
        }
        if (!configWrites.isEmpty() && session != null) {
          return Step.WRITE_CONFIG;
        }
        if (session != null && now - nextCheckNanos() >= 0) {
          return Step.CHECK;
        }
        changed.awaitNanos(waitNanos(now));
      }
    } catch (InterruptedException e) {
      // Nobody interrupts this thread but whoever wants it to end.
      return Step.CLOSE;
    } finally {
      lock.unlock();
    }
  }

  private long nextCheckNanos() {
    return nextPingNanos - nextStallCheckNanos < 0 ? nextPingNanos : nextStallCheckNanos;
  }

  private long waitNanos(long now) {
    if (awaitingReplacement) {
      return replacementByNanos - now;
    }
    return session != null ? nextCheckNanos() - now : TimeUnit.HOURS.toNanos(1);
  }

  private void perform(Step step) throws IOException {
    switch (step) {
      case REPORT_WARNING -> reportWarning();
      case HANDLE_FAILURE -> handleFailure();
      case GIVE_UP -> giveUp();
      case REPLACE -> replace();
      case APPLY -> apply();
      case WRITE_CONFIG -> writeNextConfig();
      case CHECK -> check();
      case CLOSE -> throw new IllegalStateException("closing is the caller's");
    }
  }

  private void fail(String reason) {
    lock.lock();
    try {
      serverFailed(reason);
    } finally {
      lock.unlock();
    }
  }

  private void reportWarning() {
    String text;
    lock.lock();
    try {
      text = warning;
      warning = null;
    } finally {
      lock.unlock();
    }
    events.accept(new SupervisionEvent.Warning(text));
  }

  private void handleFailure() {
    String reason;
    lock.lock();
    try {
      reason = failure;
      failureIsNews = false;
      configWrites.clear();
      awaitingReplacement = !deadlines.replacement().isZero();
      replacementByNanos = System.nanoTime() + deadlines.replacement().toNanos();
    } finally {
      lock.unlock();
    }
    events.accept(new SupervisionEvent.DeviceFailed(name, reason));
    closeSession();
    if (!awaitingReplacement) {
      closeWindow();
    }
  }

  private void giveUp() {
    awaitingReplacement = false;
    lock.lock();
    try {
      shadow.stop();
      transport.needsReset();
    } finally {
      lock.unlock();
    }
    closeWindow();
  }

  private void apply() throws IOException {
    DriverSetup setup;
    long epoch;
    lock.lock();
    try {
      setup = wanted;
      epoch = wantedEpoch;
      if (session == null) {
        // The server has failed and nobody replaces it.
        if (setup != null) {
          transport.needsReset();
        }
        appliedEpoch = epoch;
        return;
      }
    } finally {
      lock.unlock();
    }
    if (window != null) {
      session.halt();
      closeWindow();
    }
    if (setup != null) {
      startActivation(setup, epoch);
    }
    appliedEpoch = epoch;
    nextPingNanos = System.nanoTime() + deadlines.idle().toNanos();
  }

  private void startActivation(DriverSetup setup, long epoch) throws IOException {
    makeWindow(setup);
    lock.lock();
    try {
      if (wantedEpoch != epoch) {
        closeWindow();
        return;
      }
      shadow.start(setup, window, Identities.ringFeatures(info), session.kicks());
      for (int index : windowQueues) {
        if ((stoppedQueues & 1L << index) != 0) {
          shadow.stopQueue(index);
        }
      }
    } finally {
      lock.unlock();
    }
    runServer(setup, epoch, counters::activation);
  }

  private void makeWindow(DriverSetup setup) throws IOException {
    List<Integer> indexes = new ArrayList<>();
    List<Integer> sizes = new ArrayList<>();
    int size = Identities.check(info, profile).queueSizeMax();
    for (DriverSetup.Queue queue : setup.queues()) {
      indexes.add(queue.index());
      sizes.add(size);
    }
    window = Window.create("window-" + name, sizes, profile.slotsBytesPerQueue());
    windowQueues = List.copyOf(indexes);
  }

  private void runServer(DriverSetup setup, long epoch, Runnable count) throws IOException {
    session.activate(Identities.accepted(setup.features(), info), window, windowQueues);
    session.run();
    lock.lock();
    try {
      if (wantedEpoch == epoch && failure == null) {
        count.run();
        shadow.run();
        loop.execute(shadow::serveAll);
      }
    } finally {
      lock.unlock();
    }
  }

  /** A new server for a device whose driver may not know that the old one has failed. */
  private void replace() throws IOException {
    Fd newChannel;
    lock.lock();
    try {
      newChannel = replacement;
      replacement = null;
      failure = null;
    } finally {
      lock.unlock();
    }
    open(newChannel);
    watchCalls();
    if (!Identities.sameDevice(info, session.info())) {
      throw new ProtocolException("the replacement is not the same device");
    }
    reattach();
    awaitingReplacement = false;
  }

  private void reattach() throws IOException {
    DriverSetup setup;
    long epoch;
    boolean unseen;
    lock.lock();
    try {
      setup = wanted;
      epoch = wantedEpoch;
      // After a new setup, a reset, or a failure that the driver was told of, all starts afresh.
      unseen = awaitingReplacement && window != null && epoch == appliedEpoch;
    } finally {
      lock.unlock();
    }
    if (!unseen || setup == null) {
      closeWindow();
      return;
    }
    Window old = window;
    List<Integer> indexes = windowQueues;
    try {
      makeWindow(setup);
      lock.lock();
      try {
        if (wantedEpoch == epoch) {
          shadow.reattach(window, indexes, session.kicks());
        }
      } finally {
        lock.unlock();
      }
    } finally {
      old.close();
    }
    runServer(setup, epoch, counters::recovery);
  }

  private void writeNextConfig() throws IOException {
    DeviceRequest.WriteConfig write;
    lock.lock();
    try {
      write = configWrites.poll();
    } finally {
      lock.unlock();
    }
    if (write != null) {
      session.writeConfig(write);
    }
  }

  private void check() throws IOException {
    long now = System.nanoTime();
    if (now - nextStallCheckNanos >= 0) {
      nextStallCheckNanos = now + deadlines.completion().toNanos();
      lock.lock();
      try {
        if (shadow.hasStalled()) {
          serverFailed("completed no request within " + deadlines.completion().toMillis() + " ms");
          return;
        }
      } finally {
        lock.unlock();
      }
    }
    session.ping();
    nextPingNanos = System.nanoTime() + deadlines.idle().toNanos();
  }

  private void open(Fd newChannel) throws IOException {
    Listener fresh = new Listener();
    lock.lock();
    try {
      listener = fresh;
    } finally {
      lock.unlock();
    }
    session = DeviceSession.open(name, newChannel, deadlines, fresh);
    fresh.opened();
  }

  private void watchCalls() {
    EventFd[] calls = session.calls();
    List<EventLoop.Registration> registrations = new ArrayList<>();
    callRegistrations = registrations;
    loop.execute(
        () -> {
          for (int i = 0; i < calls.length; i++) {
            registrations.add(watchCall(i, calls[i]));
          }
        });
  }

  private EventLoop.Registration watchCall(int index, EventFd call) {
    try {
      return loop.watch(
          call.fd(),
          Epoll.EPOLLIN,
          _ -> {
            call.drain();
            shadow.onCall(index);
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void closeSession() {
    lock.lock();
    try {
      listener = null;
    } finally {
      lock.unlock();
    }
    if (session == null) {
      return;
    }
    List<EventLoop.Registration> registrations = callRegistrations;
    callRegistrations = List.of();
    if (loop != null) {
      LoopTasks.runAndWait(loop, () -> registrations.forEach(EventLoop.Registration::cancel));
    }
    session.close();
    session = null;
  }

  private void closeWindow() {
    if (window != null) {
      window.close();
      window = null;
    }
  }

  /** Ends the thread and the conversation; nobody activates or kicks any more. */
  @Override
  public void close() {
    lock.lock();
    try {
      closing = true;
      if (shadow != null) {
        shadow.stop();
      }
      changed.signal();
    } finally {
      lock.unlock();
    }
    try {
      thread.join(JOIN_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (replacement != null) {
      replacement.close();
    }
  }

  /** Hears one session's server; what an abandoned one says is ignored. */
  private final class Listener implements Requester.Listener<DeviceEvent> {
    private final EventBudget budget = new EventBudget(System.nanoTime());
    private boolean open;
    private IOException closedEarly;

    /** From now on the channel's end is a failure; before, opening the session fails with it. */
    void opened() {
      lock.lock();
      try {
        open = true;
        if (closedEarly != null) {
          onClosed(closedEarly);
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void onEvent(DeviceEvent event) {
      lock.lock();
      try {
        if (listener != this) {
          return;
        }
        if (!budget.take(System.nanoTime())) {
          serverFailed("sends events faster than anything can change");
          return;
        }
        switch (event) {
          case DeviceEvent.ConfigChanged(byte[] content) -> onConfig(content);
          case DeviceEvent.Broken(String reason) -> serverFailed("gave up: " + reason);
        }
      } finally {
        lock.unlock();
      }
    }

    private void onConfig(byte[] content) {
      if (transport != null && content.length != config.bytes().length) {
        serverFailed("changed the size of its configuration space");
        return;
      }
      config.replace(content);
      if (transport != null) {
        transport.notifyConfigChange();
      }
    }

    @Override
    public void onClosed(IOException cause) {
      lock.lock();
      try {
        if (!open) {
          closedEarly = cause;
        } else if (listener == this) {
          serverFailed(cause.getMessage() == null ? cause.toString() : cause.getMessage());
        }
      } finally {
        lock.unlock();
      }
    }
  }
}
