package dev.basepoint.vmm;

import dev.basepoint.ipc.control.ChannelClosedException;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.Responder;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import dev.basepoint.ipc.control.SupervisionProtocol;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.vmm.machine.VmListener;
import java.io.IOException;

/** Serves one supervision channel and the VM that comes of it, on one thread. */
final class Service implements AutoCloseable {
  /** The launcher asked for the end, or is gone. */
  static final int EXIT_OK = 0;

  /** The service reached a state that it must not reach (EX_SOFTWARE). */
  static final int EXIT_FATAL = 70;

  /** The launcher broke the supervision protocol (EX_PROTOCOL). */
  static final int EXIT_PROTOCOL = 76;

  private final EventLoop loop;
  private final Responder<SupervisionRequest, SupervisionReply, SupervisionEvent> responder;
  private final SupervisionHandler handler;
  private final long startedNanos;
  private int exitCode = EXIT_OK;

  /**
   * @param socket the supervision channel, owned from now on
   * @param startedNanos when the process began, for the time line
   */
  Service(UnixSocket socket, long startedNanos) throws ErrnoException {
    this.startedNanos = startedNanos;
    loop = new EventLoop();
    handler = new SupervisionHandler(new Listener(), this::emitLater);
    responder =
        new Responder<>(
            new FrameChannel(socket, "launcher"), new SupervisionProtocol(), this::handle);
    loop.watch(responder.fd(), Epoll.EPOLLIN, events -> serveLauncher());
  }

  /** Serves until the launcher has asked for the end or is gone; returns the exit code. */
  int serve() {
    try {
      loop.run();
      return exitCode;
    } catch (IOException | RuntimeException | Error e) {
      System.err.println("vmm-main: " + e);
      e.printStackTrace();
      return EXIT_FATAL;
    }
  }

  private SupervisionReply handle(SupervisionRequest request) throws IOException {
    SupervisionReply reply = handler.handle(request);
    if (reply instanceof SupervisionReply.Hello) {
      emitLater(new SupervisionEvent.Milestone("jvm", startedNanos));
    }
    return reply;
  }

  private void serveLauncher() {
    try {
      responder.serveReady();
    } catch (IOException e) {
      endWithoutLauncher(e);
    }
    if (handler.stopRequested()) {
      loop.stop();
    }
  }

  private void emit(SupervisionEvent event) {
    try {
      responder.emit(event);
    } catch (IOException e) {
      endWithoutLauncher(e);
    }
  }

  private void endWithoutLauncher(IOException cause) {
    if (!(cause instanceof ChannelClosedException)) {
      System.err.println("vmm-main: " + cause.getMessage());
      exitCode = EXIT_PROTOCOL;
    }
    loop.stop();
  }

  private void emitLater(SupervisionEvent event) {
    loop.execute(() -> emit(event));
  }

  /** Frees everything, after {@link #serve}. A process that ends has the kernel do it faster. */
  @Override
  public void close() {
    handler.close();
    responder.close();
    loop.close();
  }

  /** Brings what vCPU and I/O threads say to the main thread. */
  private final class Listener implements VmListener {
    @Override
    public void onEvent(SupervisionEvent event) {
      emitLater(event);
    }

    @Override
    public void onPausingAtReady(long monotonicNanos) {
      loop.execute(() -> handler.onPausingAtReady(monotonicNanos));
    }

    @Override
    public void onEnd(StopReason reason, String detail) {
      loop.execute(() -> handler.onGuestEnded(reason, detail));
    }
  }
}
