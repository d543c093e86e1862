package dev.basepoint.ipc.control;

import dev.basepoint.ipc.control.Protocol.Event;
import dev.basepoint.ipc.control.Protocol.Failure;
import dev.basepoint.ipc.control.Protocol.Reply;
import dev.basepoint.ipc.control.Protocol.Request;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The asking side of a channel. A thread of its own reads answers, so that an event is seen at once
 * and the peer's end of stream is noticed without a request under way.
 */
public final class Requester<Q, A, E> implements AutoCloseable {
  /** Hears what nobody asked for; called on the reading thread, which it must not block. */
  public interface Listener<E> {
    void onEvent(E event);

    /** The channel is unusable: {@code cause} says whether the peer ended or misbehaved. */
    void onClosed(IOException cause);
  }

  /** How long the reader sleeps before it looks again; the channel's end wakes it at once. */
  private static final long IDLE_NANOS = TimeUnit.MINUTES.toNanos(10);

  private final FrameChannel channel;
  private final Protocol<Q, A, E> protocol;
  private final Listener<E> listener;
  private final Map<Long, CompletableFuture<A>> waiting = new HashMap<>();

  /** Requests that were given up; each may still be answered once. */
  private final Set<Long> expired = new HashSet<>();

  private final Thread reader;
  private long lastId;
  private IOException closedBy;

  public Requester(FrameChannel channel, Protocol<Q, A, E> protocol, Listener<E> listener) {
    this.channel = channel;
    this.protocol = protocol;
    this.listener = listener;
    this.reader =
        Thread.ofPlatform()
            .name("control-" + channel.peer())
            .daemon()
            .stackSize(256 * 1024)
            .unstarted(this::readAnswers);
  }

  /** Starts reading; separate from construction so that the listener may refer to this object. */
  public Requester<Q, A, E> start() {
    reader.start();
    return this;
  }

  /**
   * Sends a request and waits for its reply.
   *
   * @throws RequestFailedException if the peer refuses, or does not answer within {@code timeout}
   * @throws ChannelClosedException if the peer is gone
   * @throws ProtocolException if the peer answers with what no answer may hold
   */
  public A call(Q body, Duration timeout) throws IOException {
    long deadlineNanos = System.nanoTime() + timeout.toNanos();
    CompletableFuture<A> reply = new CompletableFuture<>();
    long id;
    synchronized (waiting) {
      if (closedBy != null) {
        throw closedBy;
      }
      id = ++lastId;
      waiting.put(id, reply);
    }
    try {
      int deadlineMillis = Math.clamp(timeout.toMillis(), 1, Integer.MAX_VALUE);
      channel.send(protocol.encodeRequest(new Request<>(id, deadlineMillis, body)), deadlineNanos);
      return reply.get(Math.max(0, deadlineNanos - System.nanoTime()), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      if (!giveUp(id)) {
        // It came at the last moment, perhaps with descriptors that nobody else would close.
        return lastMoment(reply);
      }
      throw new RequestFailedException(
          RequestFailedException.Code.DEADLINE,
          channel.peer()
              + " did not answer "
              + body.getClass().getSimpleName()
              + " within "
              + timeout.toMillis()
              + " ms");
    } catch (ExecutionException e) {
      throw asIoException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      if (!giveUp(id)) {
        return lastMoment(reply);
      }
      throw new IOException("interrupted while waiting for " + channel.peer(), e);
    } finally {
      synchronized (waiting) {
        waiting.remove(id);
      }
    }
  }

  /** Waits no more for a request, whose answer will be ignored; false if it is just being taken. */
  private boolean giveUp(long id) {
    synchronized (waiting) {
      if (waiting.remove(id) == null) {
        return false;
      }
      expired.add(id);
      return true;
    }
  }

  private A lastMoment(CompletableFuture<A> reply) throws IOException {
    try {
      return reply.join();
    } catch (CompletionException e) {
      throw asIoException(e.getCause());
    }
  }

  private static IOException asIoException(Throwable cause) {
    return cause instanceof IOException io ? io : new IOException(cause);
  }

  private void readAnswers() {
    IOException cause;
    try {
      while (true) {
        Frame frame = channel.receive(System.nanoTime() + IDLE_NANOS);
        if (frame != null) {
          dispatch(protocol.decodeAnswer(frame));
        }
      }
    } catch (IOException e) {
      cause = e;
    } catch (RuntimeException e) {
      cause = new ProtocolException("answer of " + channel.peer() + " cannot be handled", e);
    }
    fail(cause);
  }

  private void dispatch(Protocol.Answer<A, E> answer) throws ProtocolException {
    switch (answer) {
      case Event<A, E>(E event) -> listener.onEvent(event);
      case Reply<A, E>(long id, A body) -> {
        if (!pending(id).complete(body)) {
          // Too late: nobody takes over what descriptors it has.
          protocol.encodeAnswer(answer).discard();
        }
      }
      case Failure<A, E>(long id, RequestFailedException.Code code, String message) ->
          pending(id)
              .completeExceptionally(
                  new RequestFailedException(code, channel.peer() + ": " + message));
    }
  }

  private CompletableFuture<A> pending(long id) throws ProtocolException {
    synchronized (waiting) {
      CompletableFuture<A> reply = waiting.remove(id);
      if (reply != null) {
        return reply;
      }
      if (expired.remove(id)) {
        return CompletableFuture.failedFuture(new TimeoutException());
      }
    }
    throw new ProtocolException(
        channel.peer() + " answered request " + id + ", which waits for no answer");
  }

  private void fail(IOException cause) {
    synchronized (waiting) {
      if (closedBy != null) {
        return;
      }
      closedBy = cause;
      waiting.values().forEach(reply -> reply.completeExceptionally(cause));
    }
    channel.shutdown();
    listener.onClosed(cause);
  }

  /** Ends the channel; the listener hears of it. */
  @Override
  public void close() {
    channel.shutdown();
    if (Thread.currentThread() != reader && reader.isAlive()) {
      try {
        reader.join(Duration.ofSeconds(5));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    channel.close();
  }
}
