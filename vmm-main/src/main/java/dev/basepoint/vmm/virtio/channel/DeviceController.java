package dev.basepoint.vmm.virtio.channel;

import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.ProtocolException;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.vmm.virtio.mmio.DriverSetup;
import dev.basepoint.vmm.virtio.mmio.VirtioMmio;
import dev.basepoint.vmm.virtio.shadow.DeviceProfile;
import dev.basepoint.vmm.virtio.shadow.ShadowDevice;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Keeps one device server in the state that {@link DeviceState} asks for, on a thread of its own,
 * so that neither a vCPU nor the I/O thread nor another device ever waits for it.
 *
 * <p>A server that fails is reported and never trusted again. Its device is suspended until {@link
 * #replaceServer} brings another one, if {@link Deadlines#replacement} allows time for that;
 * otherwise, and afterwards, the driver is told that the device needs a reset.
 */
public final class DeviceController implements AutoCloseable {
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
  private final DeviceState state;
  private final ServerLink link;
  private final CompletableFuture<VirtioMmio.Identity> identity = new CompletableFuture<>();
  private final Thread thread;

  // Set by bind, before the thread leaves awaitBinding.
  private ShadowDevice shadow;
  private EventLoop loop;

  // The control thread's own: what has been done.
  private DeviceReply.Info info;
  private ServerWindow window;
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
    this.deadlines = deadlines;
    this.events = events;
    state = new DeviceState(name, !deadlines.replacement().isZero());
    link = new ServerLink(name, deadlines, state);
    thread =
        Thread.ofPlatform()
            .name("device-" + name)
            .daemon()
            .stackSize(STACK_BYTES)
            .unstarted(() -> run(channel));
  }

  /** Starts to talk to the server; {@link #awaitIdentity} tells the outcome. */
  public void start() {
    thread.start();
  }

  /** Where the machine's side states what it wants. */
  public DeviceState state() {
    return state;
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
    shadow = boundShadow;
    loop = boundLoop;
    state.bind(boundTransport, boundShadow);
  }

  /**
   * Gives the device another server in place of one that has failed. If the driver has not been
   * told of the failure yet, it never will be: requests in flight are issued again.
   *
   * @param channel vmm-main's end of its device channel, owned from now on
   */
  public void replaceServer(Fd channel) {
    state.replaceServer(channel, false);
  }

  /**
   * Gives the device of a machine that does not run another server in place of one that may be in
   * good health; {@link #awaitApplied} tells the outcome.
   *
   * @param channel vmm-main's end of its device channel, owned from now on
   */
  public void swapServer(Fd channel) {
    state.replaceServer(channel, true);
  }

  /**
   * Waits until the server does all that the guest wants of it.
   *
   * @throws IOException if it has failed, or not done it in time; the message names the device
   */
  public void awaitApplied(long deadlineNanos) throws IOException {
    try {
      state.awaitApplied(deadlineNanos);
    } catch (IOException e) {
      throw new IOException("device " + name + ": " + e.getMessage(), e);
    }
  }

  /** Ends the thread and the conversation; nobody activates or kicks any more. */
  @Override
  public void close() {
    state.close();
    try {
      thread.join(JOIN_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run(Fd channel) {
    try {
      link.open(channel);
      info = link.session().info();
      locked(() -> state.config().replace(info.config()));
      identity.complete(Identities.check(info, profile));
    } catch (IOException | RuntimeException e) {
      identity.completeExceptionally(e);
      link.close();
      return;
    }
    if (state.awaitBinding()) {
      link.watchCalls(loop, shadow);
      serve();
    }
    link.close();
    closeWindow();
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
        locked(() -> state.serverFailed(Reasons.of(e)));
      }
    }
  }

  private Step nextStep() {
    state.lock().lock();
    try {
      while (true) {
        long now = System.nanoTime();
        Step step = dueStep(now);
        if (step != null) {
          return step;
        }
        state.changed().awaitNanos(waitNanos(now));
      }
    } catch (InterruptedException e) {
      // Nobody interrupts this thread but whoever wants it to end.
      return Step.CLOSE;
    } finally {
      state.lock().unlock();
    }
  }

  private Step dueStep(long now) {
    boolean served = link.session() != null;
    if (state.isClosing()) {
      return Step.CLOSE;
    }
    if (state.hasWarning()) {
      return Step.REPORT_WARNING;
    }
    if (state.hasNewFailure()) {
      return Step.HANDLE_FAILURE;
    }
    if (state.hasReplacement() && (!served || state.replacesAtOnce())) {
      return Step.REPLACE;
    }
    if (awaitingReplacement) {
      return now - replacementByNanos >= 0 ? Step.GIVE_UP : null;
    }
    if (state.epoch() != appliedEpoch) {
      return Step.APPLY;
    }
    if (served && state.hasConfigWrites()) {
      return Step.WRITE_CONFIG;
    }
    return served && now - nextCheckNanos() >= 0 ? Step.CHECK : null;
  }

  private long nextCheckNanos() {
    return nextPingNanos - nextStallCheckNanos < 0 ? nextPingNanos : nextStallCheckNanos;
  }

  private long waitNanos(long now) {
    if (awaitingReplacement) {
      return replacementByNanos - now;
    }
    return link.session() != null ? nextCheckNanos() - now : TimeUnit.HOURS.toNanos(1);
  }

  private void perform(Step step) throws IOException {
    switch (step) {
      case REPORT_WARNING ->
          events.accept(new SupervisionEvent.Warning(locked(state::takeWarning)));
      case HANDLE_FAILURE -> handleFailure();
      case GIVE_UP -> giveUp();
      case REPLACE -> replace();
      case APPLY -> apply();
      case WRITE_CONFIG -> {
        DeviceRequest.WriteConfig write = locked(state::takeConfigWrite);
        link.session().writeConfig(write);
      }
      case CHECK -> check();
      case CLOSE -> throw new IllegalStateException("closing is the caller's");
    }
  }

  private void handleFailure() {
    awaitingReplacement = !deadlines.replacement().isZero();
    replacementByNanos = System.nanoTime() + deadlines.replacement().toNanos();
    String reason = locked(state::takeFailure);
    events.accept(new SupervisionEvent.DeviceFailed(name, reason));
    link.close();
    if (!awaitingReplacement) {
      closeWindow();
    }
  }

  private void giveUp() {
    awaitingReplacement = false;
    locked(state::giveUp);
    closeWindow();
  }

  private void apply() throws IOException {
    Target target = locked(() -> new Target(state.wanted(), state.epoch()));
    if (link.session() == null) {
      // The server has failed and nobody replaces it.
      if (target.setup != null) {
        locked(state::giveUp);
      }
    } else {
      if (window != null) {
        link.session().halt();
        closeWindow();
      }
      if (target.setup != null) {
        activate(target);
      }
      nextPingNanos = System.nanoTime() + deadlines.idle().toNanos();
    }
    appliedEpoch = target.epoch;
    locked(() -> state.applied(target.epoch));
  }

  /** What the guest wanted at one moment. */
  private record Target(DriverSetup setup, long epoch) {}

  private void activate(Target target) throws IOException {
    window = createWindow(target);
    boolean current =
        locked(
            () -> {
              if (state.epoch() != target.epoch) {
                return false;
              }
              startShadow(target.setup);
              return true;
            });
    if (current) {
      runServer(target, state.counters()::activation);
    } else {
      closeWindow();
    }
  }

  private void startShadow(DriverSetup setup) {
    shadow.start(
        setup,
        window.memory(),
        Identities.ringFeatures(info),
        link.session().kicks(),
        state.savedQueues());
    for (int index : window.queues()) {
      if (state.isStopped(index)) {
        shadow.stopQueue(index);
      }
    }
  }

  private ServerWindow createWindow(Target target) throws IOException {
    return ServerWindow.create(
        "window-" + name,
        target.setup,
        Identities.check(info, profile).queueSizeMax(),
        profile.slotsBytesPerQueue());
  }

  private void runServer(Target target, Runnable count) throws IOException {
    link.session()
        .activate(
            Identities.accepted(target.setup.features(), info), window.memory(), window.queues());
    link.session().run();
    locked(
        () -> {
          if (state.epoch() == target.epoch && !state.hasFailed()) {
            count.run();
            shadow.run();
            loop.execute(shadow::serveAll);
          }
        });
  }

  private void replace() throws IOException {
    boolean swap = link.session() != null;
    link.close();
    link.open(locked(state::takeReplacement));
    link.watchCalls(loop, shadow);
    describe(link.session().info());
    Target target = locked(() -> new Target(state.wanted(), state.epoch()));
    if ((awaitingReplacement || swap) && window != null && target.epoch == appliedEpoch) {
      reattach(target, swap ? state.counters()::activation : state.counters()::recovery);
    } else {
      // After a reset, or a failure that the driver was told of, all starts afresh.
      closeWindow();
    }
    awaitingReplacement = false;
    locked(state::replaced);
  }

  /** Takes over what a replacement says of itself. */
  private void describe(DeviceReply.Info next) throws IOException {
    if (!Identities.sameDevice(info, next)) {
      throw new ProtocolException("the replacement is not the same device");
    }
    ConfigRules.check(profile, locked(() -> state.config().bytes()), next.config());
    info = next;
    locked(() -> state.configDescribed(next.config()));
  }

  private void reattach(Target target, Runnable count) throws IOException {
    ServerWindow old = window;
    window = createWindow(target);
    locked(
        () -> {
          if (state.epoch() == target.epoch) {
            shadow.reattach(window.memory(), window.queues(), link.session().kicks());
          }
        });
    old.close();
    runServer(target, count);
  }

  private void check() throws IOException {
    long now = System.nanoTime();
    if (now - nextStallCheckNanos >= 0) {
      nextStallCheckNanos = now + deadlines.completion().toNanos();
      if (locked(shadow::hasStalled)) {
        throw new IOException(
            "completed no request within " + deadlines.completion().toMillis() + " ms");
      }
    }
    link.session().ping();
    nextPingNanos = System.nanoTime() + deadlines.idle().toNanos();
  }

  private void closeWindow() {
    if (window != null) {
      window.close();
      window = null;
    }
  }

  private void locked(Runnable action) {
    state.lock().lock();
    try {
      action.run();
    } finally {
      state.lock().unlock();
    }
  }

  private <T> T locked(Supplier<T> action) {
    state.lock().lock();
    try {
      return action.get();
    } finally {
      state.lock().unlock();
    }
  }
}
