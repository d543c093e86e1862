package dev.basepoint.ipc.control;

import dev.basepoint.ipc.control.Protocol.Event;
import dev.basepoint.ipc.control.Protocol.Failure;
import dev.basepoint.ipc.control.Protocol.Reply;
import dev.basepoint.ipc.control.Protocol.Request;
import dev.basepoint.ipc.linux.Fd;
import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** The answering side of a channel, driven by its owner's event loop. */
public final class Responder<Q, A, E> implements AutoCloseable {
  /** Serves requests, one at a time, in order. */
  public interface Handler<Q, A> {
    /**
     * Serves one request. Descriptors in the reply are given away: they are closed here once sent.
     *
     * @throws RequestFailedException to refuse it; the channel goes on
     * @throws IOException for a failed operation; reported to the peer, and the channel goes on
     */
    A handle(Q request) throws IOException;
  }

  /** A peer that does not take its answers for this long is treated as gone. */
  private static final long SEND_TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final FrameChannel channel;
  private final Protocol<Q, A, E> protocol;
  private final Handler<Q, A> handler;

  public Responder(FrameChannel channel, Protocol<Q, A, E> protocol, Handler<Q, A> handler) {
    this.channel = channel;
    this.protocol = protocol;
    this.handler = handler;
  }

  /** Readable when {@link #serveReady} has something to do. */
  public Fd fd() {
    return channel.fd();
  }

  /**
   * Serves every request that has arrived.
   *
   * @throws ChannelClosedException at the end of the stream
   * @throws ProtocolException if the peer broke the protocol; the owner must close the channel
   */
  public void serveReady() throws IOException {
    for (Frame frame = channel.tryReceive(); frame != null; frame = channel.tryReceive()) {
      Request<Q> request = protocol.decodeRequest(frame);
      send(answer(request));
    }
  }

  private Protocol.Answer<A, E> answer(Request<Q> request) {
    try {
      return new Reply<>(request.id(), handler.handle(request.body()));
    } catch (RequestFailedException e) {
      return new Failure<>(request.id(), e.code(), e.getMessage());
    } catch (IOException e) {
      return new Failure<>(request.id(), RequestFailedException.Code.FAILED, e.getMessage());
    }
  }

  /** Reports an event; safe from any thread. */
  public void emit(E event) throws IOException {
    send(new Event<>(event));
  }

  private void send(Protocol.Answer<A, E> answer) throws IOException {
    Frame frame = protocol.encodeAnswer(answer);
    try {
      channel.send(frame, System.nanoTime() + SEND_TIMEOUT_NANOS);
    } finally {
      frame.discard();
    }
  }

  @Override
  public void close() {
    channel.close();
  }
}
