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
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.ProcessExit;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.vmm.machine.VmListener;
import java.io.IOException;

/**
 * The core process of one VM. Started by the launcher with the supervision channel as descriptor 3
 * and nothing else; everything it works on arrives over that channel. When the channel closes the
 * process ends at once, and the VM with it.
 */
public final class Main {
  private static final int SUPERVISION_FD = 3;

  /** The launcher asked for the end, or is gone. */
  private static final int EXIT_OK = 0;

  /** Not started by a launcher (EX_USAGE). */
  private static final int EXIT_USAGE = 64;

  /** The process reached a state that it must not reach (EX_SOFTWARE). */
  private static final int EXIT_FATAL = 70;

  /** The launcher broke the supervision protocol (EX_PROTOCOL). */
  private static final int EXIT_PROTOCOL = 76;

  private final EventLoop loop;
  private final Responder<SupervisionRequest, SupervisionReply, SupervisionEvent> responder;
  private final SupervisionHandler handler;
  private final long startedNanos;

  private Main(long startedNanos) throws IOException {
    this.startedNanos = startedNanos;
    loop = new EventLoop();
    handler = new SupervisionHandler(new Listener(), this::emitLater);
    responder =
        new Responder<>(
            new FrameChannel(UnixSocket.own(Fd.own(SUPERVISION_FD)), "launcher"),
            new SupervisionProtocol(),
            this::handle);
    loop.watch(responder.fd(), Epoll.EPOLLIN, events -> serveLauncher());
  }

  public static void main(String[] args) {
    long startedNanos = System.nanoTime();
    int exitCode = EXIT_OK;
    try {
      Main main = new Main(startedNanos);
      exitCode = main.serve();
    } catch (IOException e) {
      System.err.println(
          "vmm-main: no supervision channel on descriptor 3; this program is started by vmm-launch"
              + " ("
              + e.getMessage()
              + ")");
      exitCode = EXIT_USAGE;
    }
    // The kernel frees a VM faster than any close of ours would.
    ProcessExit.now(exitCode);
  }

  private int serve() {
    try {
      loop.run();
      return EXIT_OK;
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

  private static void endWithoutLauncher(IOException cause) {
    if (cause instanceof ChannelClosedException) {
      ProcessExit.now(EXIT_OK);
    }
    System.err.println("vmm-main: " + cause.getMessage());
    ProcessExit.now(EXIT_PROTOCOL);
  }

  private void emitLater(SupervisionEvent event) {
    loop.execute(() -> emit(event));
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
