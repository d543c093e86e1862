package dev.basepoint.vmm;

import dev.basepoint.ipc.control.Protocol;
import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.control.RequestFailedException.Code;
import dev.basepoint.ipc.control.Responder;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import dev.basepoint.ipc.control.SupervisionProtocol;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.SandboxOrder;
import dev.basepoint.ipc.linux.Syscalls;
import dev.basepoint.vmm.machine.VmListener;
import java.io.IOException;
import java.time.Duration;
import java.util.function.Consumer;

/**
 * What the launcher may ask of vmm-main, and in which order.
 *
 * <pre>
 *          Hello          ConfigureVm            RunVm        PauseVm, or ready
 *   FRESH -------> GREETED ---------> CONFIGURED -----> RUNNING  ---------> PAUSED
 *                     |                                  ^ | ^              |   |
 *                     +-- PrepareClone --> ARMED --------+ | +-- ResumeVm --+   |
 *                                              RunClone    +-- guest ended -----+--> ENDED
 * </pre>
 *
 * EnterSandbox comes between Hello and the configuration, at most once; without a sandbox it never
 * comes. Ping and Stop are allowed at any time after Hello, ReadCounters from CONFIGURED on, SaveVm
 * while PAUSED, ReplaceServer while ARMED, RUNNING or PAUSED. All methods run on the main thread.
 */
final class SupervisionHandler
    implements Responder.Handler<SupervisionRequest, SupervisionReply>, AutoCloseable {
  static final String ROLE = "vmm-main";

  private static final Duration PAUSE_TIMEOUT = Duration.ofSeconds(2);

  private enum State {
    FRESH,
    GREETED,
    SANDBOXED,
    CONFIGURED,
    ARMED,
    RUNNING,
    PAUSED,
    ENDED
  }

  private final VmListener listener;
  private final Consumer<SupervisionEvent> events;
  private State state = State.FRESH;
  private VmSession session;
  private boolean stopRequested;

  /**
   * @param listener hears the machine, on its threads
   * @param events takes what is to be sent to the launcher, in order
   */
  SupervisionHandler(VmListener listener, Consumer<SupervisionEvent> events) {
    this.listener = listener;
    this.events = events;
  }

  /** Whether Stop was answered: the process ends next. */
  boolean stopRequested() {
    return stopRequested;
  }

  @Override
  public SupervisionReply handle(SupervisionRequest request) throws IOException {
    return switch (request) {
      case SupervisionRequest.Hello hello -> greet(hello);
      case SupervisionRequest.EnterSandbox order -> enterSandbox(order);
      case SupervisionRequest.ConfigureVm config ->
          configure(config, State.CONFIGURED, () -> VmSession.create(config, listener));
      case SupervisionRequest.PrepareClone config ->
          configure(config, State.ARMED, () -> VmSession.prepare(config, listener));
      case SupervisionRequest.RunClone run -> runClone(run);
      case SupervisionRequest.SaveVm save -> save(save);
      case SupervisionRequest.ReplaceServer replace -> replaceServer(replace);
      case SupervisionRequest.RunVm _ -> run();
      case SupervisionRequest.PauseVm _ -> pause();
      case SupervisionRequest.ResumeVm _ -> resume();
      case SupervisionRequest.ReadCounters _ -> readCounters();
      case SupervisionRequest.Ping _ -> {
        require(state != State.FRESH, request);
        yield new SupervisionReply.Done();
      }
      case SupervisionRequest.Stop _ -> stop();
      case SupervisionRequest.ConfigureDevice _, SupervisionRequest.ConfigureVhostUser _ -> {
        discard(request);
        throw notForThisRole(request);
      }
      case SupervisionRequest.SetLink _ -> throw notForThisRole(request);
    };
  }

  private static RequestFailedException notForThisRole(SupervisionRequest request) {
    return new RequestFailedException(
        Code.INVALID, request.getClass().getSimpleName() + " is not for " + ROLE);
  }

  private void require(boolean allowed, SupervisionRequest request) throws RequestFailedException {
    if (!allowed) {
      throw new RequestFailedException(
          Code.OUT_OF_ORDER, request.getClass().getSimpleName() + " in state " + state);
    }
  }

  private SupervisionReply greet(SupervisionRequest.Hello hello) throws IOException {
    require(state == State.FRESH, hello);
    if (hello.version() != SupervisionProtocol.VERSION) {
      throw new RequestFailedException(
          Code.INVALID,
          "protocol version %d is not %d".formatted(hello.version(), SupervisionProtocol.VERSION));
    }
    state = State.GREETED;
    return new SupervisionReply.Hello(SupervisionProtocol.VERSION, 0, ROLE, Syscalls.getpid());
  }

  private SupervisionReply enterSandbox(SupervisionRequest.EnterSandbox order) throws IOException {
    require(state == State.GREETED, order);
    // Should the order fail half-way, the process must not go on without the rest of it.
    stopRequested = true;
    SupervisionReply reply =
        new SupervisionReply.Sandboxed(SandboxOrder.ofBytes(order.order()).apply().orElse(null));
    stopRequested = false;
    state = State.SANDBOXED;
    return reply;
  }

  private interface Maker {
    VmSession make() throws IOException;
  }

  private SupervisionReply configure(
      SupervisionRequest.ConfigureMachine config, State next, Maker maker) throws IOException {
    boolean allowed = state == State.GREETED || state == State.SANDBOXED;
    if (!allowed) {
      discard(config);
    }
    require(allowed, config);
    events.accept(new SupervisionEvent.Milestone("configured", System.nanoTime()));
    try {
      session = maker.make();
    } catch (IOException | RuntimeException e) {
      discard(config);
      throw e;
    }
    state = next;
    return new SupervisionReply.Done();
  }

  /** Closes the descriptors of a request that is refused. */
  private static void discard(SupervisionRequest request) {
    new SupervisionProtocol().encodeRequest(new Protocol.Request<>(0, 0, request)).discard();
  }

  private SupervisionReply run() throws IOException {
    require(state == State.CONFIGURED, new SupervisionRequest.RunVm());
    session.run();
    state = State.RUNNING;
    return new SupervisionReply.Done();
  }

  private SupervisionReply runClone(SupervisionRequest.RunClone run) throws IOException {
    long receivedNanos = System.nanoTime();
    require(state == State.ARMED, run);
    session.runAs(run.identity());
    state = State.RUNNING;
    events.accept(new SupervisionEvent.Milestone("runReceived", receivedNanos));
    return new SupervisionReply.Done();
  }

  private SupervisionReply save(SupervisionRequest.SaveVm save) throws IOException {
    try (Fd ram = save.ram();
        Fd file = save.state()) {
      require(state == State.PAUSED, save);
      return session.save(ram, file);
    }
  }

  private SupervisionReply replaceServer(SupervisionRequest.ReplaceServer replace)
      throws IOException {
    boolean allowed = state == State.ARMED || state == State.RUNNING || state == State.PAUSED;
    if (!allowed) {
      discard(replace);
    }
    require(allowed, replace);
    session.replaceServer(replace.device(), replace.channel(), state == State.ARMED);
    return new SupervisionReply.Done();
  }

  private SupervisionReply pause() throws IOException {
    require(state == State.RUNNING, new SupervisionRequest.PauseVm());
    session.pause(PAUSE_TIMEOUT);
    state = State.PAUSED;
    return new SupervisionReply.Done();
  }

  private SupervisionReply resume() throws IOException {
    require(state == State.PAUSED, new SupervisionRequest.ResumeVm());
    session.resume();
    state = State.RUNNING;
    return new SupervisionReply.Done();
  }

  private SupervisionReply readCounters() throws IOException {
    require(session != null, new SupervisionRequest.ReadCounters());
    return new SupervisionReply.Counters(session.counters());
  }

  private SupervisionReply stop() throws IOException {
    require(state != State.FRESH, new SupervisionRequest.Stop());
    stopRequested = true;
    if (session != null) {
      session.stop();
    }
    state = State.ENDED;
    return new SupervisionReply.Done();
  }

  /** Frees the machine, if there is one; only after Stop was answered. */
  @Override
  public void close() {
    if (session != null) {
      session.close();
    }
  }

  /** The guest has rung ready and its vCPUs pause: reports it when they stand still. */
  void onPausingAtReady(long monotonicNanos) {
    if (state != State.RUNNING && state != State.PAUSED) {
      return;
    }
    try {
      session.pause(PAUSE_TIMEOUT);
    } catch (IOException e) {
      onGuestEnded(StopReason.ERROR, "the machine does not pause at its ready point: " + e);
      return;
    }
    state = State.PAUSED;
    events.accept(new SupervisionEvent.GuestReady(monotonicNanos));
  }

  /** The guest has ended by itself: waits for its vCPUs and the console, then reports. */
  void onGuestEnded(StopReason reason, String detail) {
    if (state == State.ENDED || session == null) {
      return;
    }
    state = State.ENDED;
    String fullDetail = detail;
    try {
      session.stop();
    } catch (IOException e) {
      fullDetail = detail + "; " + e.getMessage();
    }
    events.accept(new SupervisionEvent.GuestStopped(reason, fullDetail, System.nanoTime()));
  }
}
