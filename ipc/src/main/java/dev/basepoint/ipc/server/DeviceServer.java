package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.ChannelClosedException;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.Protocol;
import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.control.Responder;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionProtocol;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.ProcessExit;
import dev.basepoint.ipc.linux.SandboxOrder;
import dev.basepoint.ipc.linux.Syscalls;
import dev.basepoint.ipc.linux.UnixSocket;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * The frame that every device server shares: supervision, device channel, queue thread.
 *
 * <pre>
 *   main thread            supervision channel (descriptor 3), launcher
 *   device-channel thread  device channel, vmm-main           --steps--> queue thread
 *   queue thread           kicks, calls, back end: the device itself
 * </pre>
 *
 * Main never waits for the back end, so a stuck disk cannot keep the launcher from ending the
 * process; when the supervision channel ends, the process does, at once.
 */
public final class DeviceServer<C extends SupervisionRequest.ConfigureDevice>
    implements Responder.Handler<SupervisionRequest, SupervisionReply> {
  /** The launcher asked for the end, or is gone. */
  public static final int EXIT_OK = 0;

  /** The command line was wrong (EX_USAGE). */
  public static final int EXIT_USAGE = 64;

  /** The process reached a state that it must not reach (EX_SOFTWARE). */
  public static final int EXIT_FATAL = 70;

  /** The launcher broke the supervision protocol (EX_PROTOCOL). */
  public static final int EXIT_PROTOCOL = 76;

  /** The descriptor on which every child finds its supervision channel. */
  public static final int SUPERVISION_FD = 3;

  /** How long a stop waits for requests in flight. */
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(1);

  /** The launcher waits for counters and links; a stuck device is an answer too. */
  private static final Duration LINK_TIMEOUT = Duration.ofSeconds(1);

  private final DeviceRole<C> role;
  private final ServerOptions options;
  private final FrameChannel channel;
  private final Responder<SupervisionRequest, SupervisionReply, SupervisionEvent> supervision;
  private final Object warnLock = new Object();
  private boolean ended;
  private boolean greeted;
  private boolean sandboxed;
  private boolean stopping;
  private ServedDevice served;

  DeviceServer(DeviceRole<C> role, ServerOptions options, UnixSocket supervision) {
    this.role = role;
    this.options = options;
    channel = new FrameChannel(supervision, "launcher");
    this.supervision = new Responder<>(channel, new SupervisionProtocol(), this);
  }

  /** The whole main method of a role: serves until the launcher is done with it, then exits. */
  public static <C extends SupervisionRequest.ConfigureDevice> void run(
      DeviceRole<C> role, String[] args) {
    int status;
    try {
      ServerOptions options = ServerOptions.parse(args);
      if (options.warmUpRounds() > 0 && !warmUp(role, options)) {
        ProcessExit.now(EXIT_FATAL);
      }
      if (options.rehearseOnly()) {
        // An orderly end: it is then that the JVM writes its cache.
        return;
      }
      UnixSocket socket = UnixSocket.own(Fd.own(SUPERVISION_FD));
      status = new DeviceServer<>(role, options, socket).serve();
    } catch (IllegalArgumentException e) {
      System.err.println(role.name() + ": " + e.getMessage());
      status = EXIT_USAGE;
    } catch (ErrnoException e) {
      System.err.println(noSupervision(role, e));
      status = EXIT_USAGE;
    }
    // Other threads may be held up by a back end; nothing is left that they could lose.
    ProcessExit.now(status);
  }

  private static String noSupervision(DeviceRole<?> role, ErrnoException cause) {
    return "%s: no supervision channel on descriptor %d; this program is started by vmm-launch (%s)"
        .formatted(role.name(), SUPERVISION_FD, cause.getMessage());
  }

  private static boolean warmUp(DeviceRole<?> role, ServerOptions options) {
    try {
      WarmUp.play(role, options);
      return true;
    } catch (IOException e) {
      System.err.println(role.name() + ": " + e.getMessage());
      return false;
    }
  }

  /** Serves the supervision channel until it ends; returns the exit status. */
  int serve() {
    try {
      serveRequests();
      if (stopping && served != null) {
        served.close(STOP_TIMEOUT);
      }
      return EXIT_OK;
    } catch (ErrnoException e) {
      System.err.println(noSupervision(role, e));
      return EXIT_USAGE;
    } catch (IOException e) {
      System.err.println(role.name() + ": " + e.getMessage());
      return EXIT_PROTOCOL;
    } finally {
      synchronized (warnLock) {
        ended = true;
        supervision.close();
      }
    }
  }

  private void serveRequests() throws IOException {
    try {
      while (!stopping) {
        // The end of the channel wakes us, so the deadline only bounds the sleep.
        Poll.await(supervision.fd(), Poll.POLLIN, System.nanoTime() + TimeUnit.MINUTES.toNanos(10));
        supervision.serveReady();
      }
    } catch (ChannelClosedException e) {
      // The launcher is gone, or has asked for a stop and not waited.
    }
  }

  @Override
  public SupervisionReply handle(SupervisionRequest request) throws IOException {
    if (!greeted && !(request instanceof SupervisionRequest.Hello)) {
      throw refused(request, RequestFailedException.Code.OUT_OF_ORDER, "before Hello");
    }
    return switch (request) {
      case SupervisionRequest.Hello(int version, long _) -> hello(request, version);
      case SupervisionRequest.EnterSandbox(byte[] order) -> enterSandbox(request, order);
      case SupervisionRequest.Configure configure -> configure(configure);
      case SupervisionRequest.ReadCounters _ ->
          new SupervisionReply.Counters(served(request).counters());
      case SupervisionRequest.SetLink(boolean up) -> {
        served(request).setLink(up, LINK_TIMEOUT);
        yield new SupervisionReply.Done();
      }
      case SupervisionRequest.Stop _ -> {
        stopping = true;
        yield new SupervisionReply.Done();
      }
      case SupervisionRequest.Ping _ -> new SupervisionReply.Done();
      case SupervisionRequest.RunVm _,
          SupervisionRequest.PauseVm _,
          SupervisionRequest.ResumeVm _,
          SupervisionRequest.SaveVm _,
          SupervisionRequest.RunClone _,
          SupervisionRequest.ReplaceServer _ -> {
        discard(request);
        throw refused(request, RequestFailedException.Code.UNKNOWN, "for a device server");
      }
    };
  }

  private SupervisionReply hello(SupervisionRequest request, int version)
      throws RequestFailedException {
    if (greeted) {
      throw refused(request, RequestFailedException.Code.OUT_OF_ORDER, "a second time");
    }
    if (version != SupervisionProtocol.VERSION) {
      throw refused(
          request, RequestFailedException.Code.INVALID, "for protocol version " + version);
    }
    greeted = true;
    return new SupervisionReply.Hello(
        SupervisionProtocol.VERSION, 0, role.name(), Syscalls.getpid());
  }

  private SupervisionReply enterSandbox(SupervisionRequest request, byte[] order)
      throws IOException {
    if (sandboxed || served != null) {
      throw refused(
          request,
          RequestFailedException.Code.OUT_OF_ORDER,
          sandboxed ? "a second time" : "after the configuration");
    }
    // Should the order fail half-way, the process must not go on without the rest of it.
    stopping = true;
    SupervisionReply reply =
        new SupervisionReply.Sandboxed(SandboxOrder.ofBytes(order).apply().orElse(null));
    stopping = false;
    sandboxed = true;
    return reply;
  }

  private SupervisionReply configure(SupervisionRequest.Configure request) throws IOException {
    if (served != null) {
      discard(request);
      throw refused(request, RequestFailedException.Code.OUT_OF_ORDER, "a second time");
    }
    SupervisionRequest.Configure device = request;
    ServedDevice.FrontEnd frontEnd = new ServedDevice.FrontEnd.VmmMain();
    if (request
        instanceof
        SupervisionRequest.ConfigureVhostUser(
            SupervisionRequest.ConfigureDevice inner,
            boolean listening)) {
      device = inner;
      // Without its front end there is nothing left to supervise.
      frontEnd = new ServedDevice.FrontEnd.VhostUser(listening, channel::shutdown);
    }
    if (!role.configuration().isInstance(device)) {
      discard(request);
      throw refused(request, RequestFailedException.Code.INVALID, "for role " + role.name());
    }
    served =
        ServedDevice.create(
            role.factory(),
            role.configuration().cast(device),
            frontEnd,
            options,
            this::warn,
            this::fatal);
    return new SupervisionReply.Done();
  }

  /** Closes the descriptors of a request that nobody took over. */
  static void discard(SupervisionRequest request) {
    new SupervisionProtocol().encodeRequest(new Protocol.Request<>(0, 0, request)).discard();
  }

  private ServedDevice served(SupervisionRequest request) throws RequestFailedException {
    if (served == null) {
      throw refused(request, RequestFailedException.Code.OUT_OF_ORDER, "before the configuration");
    }
    return served;
  }

  private static RequestFailedException refused(
      SupervisionRequest request, RequestFailedException.Code code, String why) {
    return new RequestFailedException(code, request.getClass().getSimpleName() + " " + why);
  }

  private void warn(String text) {
    synchronized (warnLock) {
      if (ended) {
        return;
      }
      try {
        supervision.emit(new SupervisionEvent.Warning(text));
      } catch (IOException e) {
        // Without the launcher there is nobody to warn, and the main thread is about to see that.
      }
    }
  }

  private void fatal(Thread thread, Throwable cause) {
    warn("thread " + thread.getName() + " failed: " + cause);
    System.err.println(role.name() + ": thread " + thread.getName() + " failed");
    cause.printStackTrace();
    ProcessExit.now(EXIT_FATAL);
  }
}
