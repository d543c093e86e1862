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
 *          Hello          ConfigureVm            RunVm            PauseVm
 *   FRESH -------> GREETED ---------> CONFIGURED -----> RUNNING  ---------> PAUSED
 *                                                        |   ^              |   |
 *                                                        |   +-- ResumeVm --+   |
 *                                                        +--- guest ended ------+--> ENDED
 * </pre>
 *
 * EnterSandbox comes between Hello and ConfigureVm, at most once; without a sandbox it never comes.
 * Ping and Stop are allowed at any time after Hello, ReadCounters from CONFIGURED on. All methods
 * run on the main thread.
 */
final class SupervisionHandler implements Responder.Handler<SupervisionRequest, SupervisionReply> {
  static final String ROLE = "vmm-main";

  private static final Duration PAUSE_TIMEOUT = Duration.ofSeconds(2);

  private enum State {
    FRESH,
    GREETED,
    SANDBOXED,
    CONFIGURED,
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
      case SupervisionRequest.ConfigureVm config -> configure(config);
      case SupervisionRequest.RunVm _ -> run();
      case SupervisionRequest.PauseVm _ -> pause();
      case SupervisionRequest.ResumeVm _ -> resume();
      case SupervisionRequest.ReadCounters _ -> readCounters();
      case SupervisionRequest.Ping _ -> {
        require(state != State.FRESH, request);
        yield new SupervisionReply.Done();
      }
      case SupervisionRequest.Stop _ -> stop();
      case SupervisionRequest.ConfigureDevice _,
          SupervisionRequest.PrepareClone _,
          SupervisionRequest.RunClone _,
          SupervisionRequest.SaveVm _,
          SupervisionRequest.ReplaceServer _ -> {
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

  private SupervisionReply configure(SupervisionRequest.ConfigureVm config) throws IOException {
    boolean allowed = state == State.GREETED || state == State.SANDBOXED;
    if (!allowed) {
      discard(config);
    }
    require(allowed, config);
    events.accept(new SupervisionEvent.Milestone("configured", System.nanoTime()));
    try {
      session = VmSession.create(config, listener);
    } catch (IOException | RuntimeException e) {
      discard(config);
      throw e;
    }
    state = State.CONFIGURED;
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
