package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.ChannelClosedException;
import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.DeviceLifecycle;
import dev.basepoint.ipc.control.DeviceProtocol;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.control.Responder;
import dev.basepoint.ipc.linux.Poll;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * The server's end of the device channel, on a thread of its own so that a transition which waits
 * for the back end holds up neither the queues nor the supervision channel. Requests are carried
 * out one at a time, in order.
 *
 * <p>When the channel ends, whether vmm-main closed it or broke the protocol, the activation ends
 * too; the process stays for the launcher to decide about.
 */
final class DeviceControl
    implements FrontEndControl, Responder.Handler<DeviceRequest, DeviceReply> {
  /** A transition is a matter of microseconds; a device whose thread needs longer is stuck. */
  static final Duration STEP_TIMEOUT = Duration.ofSeconds(5);

  /** Requests in flight may need their time on a slow disk. */
  static final Duration SETTLE_TIMEOUT = Duration.ofSeconds(30);

  private static final int STACK_BYTES = 512 * 1024;

  private final QueueThread queueThread;
  private final DeviceEngine engine;
  private final Consumer<String> warnings;
  private final Responder<DeviceRequest, DeviceReply, DeviceEvent> responder;
  private final DeviceLifecycle lifecycle = new DeviceLifecycle();
  private final FrameChannel channel;
  private final Thread thread;
  private final Object emitLock = new Object();
  private boolean described;
  private volatile boolean ending;

  DeviceControl(
      FrameChannel channel,
      QueueThread queueThread,
      DeviceEngine engine,
      Consumer<String> warnings,
      Thread.UncaughtExceptionHandler fatal) {
    this.channel = channel;
    this.queueThread = queueThread;
    this.engine = engine;
    this.warnings = warnings;
    responder = new Responder<>(channel, new DeviceProtocol(), this);
    thread =
        Thread.ofPlatform()
            .name("device-channel")
            .daemon()
            .stackSize(STACK_BYTES)
            .uncaughtExceptionHandler(fatal)
            .unstarted(this::serve);
  }

  @Override
  public void start() {
    thread.start();
  }

  private void serve() {
    try {
      while (true) {
        // The end of the channel wakes us, so the deadline only bounds the sleep.
        Poll.await(responder.fd(), Poll.POLLIN, System.nanoTime() + TimeUnit.MINUTES.toNanos(10));
        responder.serveReady();
      }
    } catch (ChannelClosedException e) {
      // How a virtual machine ends.
    } catch (IOException e) {
      if (!ending) {
        warnings.accept("device channel closed: " + e.getMessage());
      }
    }
    synchronized (emitLock) {
      described = false;
      responder.close();
    }
    endActivation();
  }

  private void endActivation() {
    try {
      if (queueThread.call(engine::isActive, STEP_TIMEOUT)) {
        settle();
        halt();
      }
    } catch (IOException e) {
      warnings.accept("activation cannot be ended: " + e.getMessage());
    }
  }

  @Override
  public DeviceReply handle(DeviceRequest request) throws IOException {
    try {
      lifecycle.require(request);
    } catch (RequestFailedException e) {
      if (request instanceof DeviceRequest.Activate activate) {
        OpenedWindow.discard(activate);
      }
      throw e;
    }
    try {
      DeviceReply reply = carryOut(request);
      lifecycle.done(request);
      return reply;
    } catch (QueueThreadStuckException e) {
      // The step may still happen one day, so nobody knows what state this device is in.
      warnings.accept("device channel closed: " + e.getMessage());
      channel.shutdown();
      throw e;
    }
  }

  private DeviceReply carryOut(DeviceRequest request) throws IOException {
    return switch (request) {
      case DeviceRequest.Hello(int version, long _) -> hello(version);
      case DeviceRequest.Describe _ -> describe();
      case DeviceRequest.Activate activate -> step(() -> engine.activate(activate));
      case DeviceRequest.Run _ -> step(engine::run);
      case DeviceRequest.Drain _ -> {
        settle();
        yield new DeviceReply.Drained(queueThread.call(engine::positions, STEP_TIMEOUT));
      }
      case DeviceRequest.Halt _ -> {
        settle();
        yield halt();
      }
      case DeviceRequest.WriteConfig(int offset, byte[] data) ->
          step(() -> engine.writeConfig(offset, data));
      case DeviceRequest.Ping _ -> new DeviceReply.Done();
    };
  }

  private static DeviceReply hello(int version) throws RequestFailedException {
    if (version != DeviceProtocol.VERSION) {
      throw new RequestFailedException(
          RequestFailedException.Code.INVALID,
          "device protocol " + version + " offered, " + DeviceProtocol.VERSION + " spoken");
    }
    return new DeviceReply.Hello(DeviceProtocol.VERSION, 0);
  }

  private DeviceReply describe() throws IOException {
    DeviceReply.Info info = queueThread.call(engine::describe, STEP_TIMEOUT);
    synchronized (emitLock) {
      described = true;
    }
    return info;
  }

  /** A step without an answer. */
  private interface Transition {
    void run() throws IOException;
  }

  private DeviceReply step(Transition transition) throws IOException {
    return queueThread.call(
        () -> {
          transition.run();
          return new DeviceReply.Done();
        },
        STEP_TIMEOUT);
  }

  private void settle() throws IOException {
    CompletableFuture<Void> settled = queueThread.call(engine::settle, STEP_TIMEOUT);
    try {
      QueueThread.await(settled, SETTLE_TIMEOUT);
    } catch (TimeoutException e) {
      throw new RequestFailedException(
          RequestFailedException.Code.DEADLINE,
          "requests are still in flight after " + SETTLE_TIMEOUT.toSeconds() + " s");
    }
  }

  private DeviceReply halt() throws IOException {
    return step(engine::halt);
  }

  @Override
  public void configChanged(byte[] config) {
    emit(new DeviceEvent.ConfigChanged(config));
  }

  @Override
  public void broken(int queue, String reason) {
    emit(new DeviceEvent.Broken(reason));
  }

  /** Tells vmm-main, once it knows the device at all; safe from any thread. */
  private void emit(DeviceEvent event) {
    synchronized (emitLock) {
      if (!described) {
        return;
      }
      try {
        responder.emit(event);
      } catch (IOException e) {
        // Whoever does not take its events loses the device.
        channel.shutdown();
      }
    }
  }

  /** Ends the channel and the activation; waits at most {@code timeout}. */
  @Override
  public void close(Duration timeout) {
    ending = true;
    channel.shutdown();
    try {
      thread.join(timeout);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
