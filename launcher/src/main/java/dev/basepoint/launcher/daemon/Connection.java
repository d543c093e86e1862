package dev.basepoint.launcher.daemon;

import dev.basepoint.ipc.control.ChannelClosedException;
import dev.basepoint.ipc.control.ProtocolException;
import dev.basepoint.launcher.api.ApiChannel;
import dev.basepoint.launcher.api.ApiProtocol;
import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Serves one client, on a thread of its own: one request after the other. */
final class Connection implements Runnable {
  /** A client that asks nothing for so long is dropped; it may connect again. */
  private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(60);

  /** A client that does not take its answer is dropped. */
  private static final long SEND_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final Peer peer;
  private final UnixStream stream;
  private final Dispatcher dispatcher;
  private final DaemonLog log;
  private boolean greeted;

  Connection(Peer peer, UnixStream stream, Dispatcher dispatcher, DaemonLog log) {
    this.peer = peer;
    this.stream = stream;
    this.dispatcher = dispatcher;
    this.log = log;
  }

  @Override
  public void run() {
    try (ApiChannel channel = new ApiChannel(stream, ApiProtocol.REQUEST_BYTES_MAX)) {
      serve(channel);
    } catch (ChannelClosedException | TimeoutException e) {
      // It has gone, or might as well have.
      return;
    } catch (IOException e) {
      drop(e.getMessage());
    }
  }

  private void serve(ApiChannel channel) throws IOException, TimeoutException {
    while (true) {
      ApiProtocol.Request request;
      try {
        request = ApiProtocol.decodeRequest(channel.receive(System.nanoTime() + IDLE_NANOS));
        if (greeted == request.body() instanceof ApiRequest.Hello) {
          throw new ProtocolException("a connection begins with one greeting");
        }
      } catch (ProtocolException e) {
        refuse(channel, ExitCode.INPUT_INVALID, e.getMessage());
        throw e;
      }
      ApiProtocol.Answer answer = answer(request);
      greeted = true;
      channel.send(ApiProtocol.encode(answer), System.nanoTime() + SEND_NANOS);
    }
  }

  private ApiProtocol.Answer answer(ApiProtocol.Request request) {
    try {
      return new ApiProtocol.Reply(request.id(), dispatcher.handle(peer, request));
    } catch (CommandException e) {
      return failure(request.id(), e.exitCode(), e.getMessage());
    } catch (RuntimeException e) {
      log.log(
          "defect",
          Facts.of("request", request.body().getClass().getSimpleName(), "what", e.toString()));
      return failure(request.id(), ExitCode.INTERNAL_ERROR, "the daemon failed: " + e);
    }
  }

  private static ApiProtocol.Failure failure(long id, ExitCode code, String message) {
    return new ApiProtocol.Failure(id, code.code(), message);
  }

  /** Tells the client why it is not served; whether it hears that is its own affair. */
  static void refuse(ApiChannel channel, ExitCode code, String reason) {
    try {
      channel.send(ApiProtocol.encode(failure(0, code, reason)), System.nanoTime() + SEND_NANOS);
    } catch (IOException e) {
      // It does not even listen.
      return;
    }
  }

  private void drop(String reason) {
    log.log("client-dropped", Facts.of("pid", peer.pid(), "uid", peer.uid(), "reason", reason));
  }

  /** Ends the connection from another thread. */
  void shutdown() {
    stream.shutdown();
  }
}
