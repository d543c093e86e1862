package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.loop.EventLoop;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** A configured device with its threads, channel and counters. */
final class ServedDevice implements DeviceHost {
  private final String name;
  private final QueueThread queueThread;
  private final Consumer<String> warnings;
  private final List<Counter> counters = new ArrayList<>();
  private final Counter requests = counter("requests");
  private final Counter bytesToGuest = counter("bytesToGuest");
  private final Counter bytesFromGuest = counter("bytesFromGuest");
  private final Counter errors = counter("errors");
  private VirtioDevice device;
  private DeviceEngine engine;
  private FrontEndControl control;

  private ServedDevice(String name, QueueThread queueThread, Consumer<String> warnings) {
    this.name = name;
    this.queueThread = queueThread;
    this.warnings = text -> warnings.accept(name + ": " + text);
  }

  /** Who drives the device over {@link SupervisionRequest.ConfigureDevice#channel}. */
  sealed interface FrontEnd {
    /** Our own vmm-main. */
    record VmmMain() implements FrontEnd {}

    /** See {@link VhostUserControl}. */
    record VhostUser(boolean listening, Runnable onLeft) implements FrontEnd {}
  }

  /**
   * Makes the device and starts its threads. The configuration's descriptors are taken over.
   *
   * @throws IOException why the device cannot be made, in one sentence
   */
  static <C extends SupervisionRequest.ConfigureDevice> ServedDevice create(
      DeviceFactory<C> factory,
      C configuration,
      FrontEnd frontEnd,
      ServerOptions options,
      Consumer<String> warnings,
      Thread.UncaughtExceptionHandler fatal)
      throws IOException {
    QueueThread queueThread = new QueueThread(options.spinNanos(), fatal);
    boolean created = false;
    try {
      ServedDevice served = new ServedDevice(configuration.name(), queueThread, warnings);
      served.device = factory.create(configuration, served);
      served.engine =
          new DeviceEngine(
              served.device,
              queueThread.loop(),
              served.errors,
              served::broken,
              options.spinNanos() > 0);
      served.control = served.control(configuration.channel(), frontEnd, fatal);
      created = true;
      queueThread.start();
      served.control.start();
      return served;
    } finally {
      if (!created) {
        configuration.channel().close();
        queueThread.close();
      }
    }
  }

  private FrontEndControl control(
      Fd channel, FrontEnd frontEnd, Thread.UncaughtExceptionHandler fatal) throws IOException {
    return switch (frontEnd) {
      case FrontEnd.VmmMain _ ->
          new DeviceControl(
              new FrameChannel(UnixSocket.own(channel), "vmm-main"),
              queueThread,
              engine,
              warnings,
              fatal);
      case FrontEnd.VhostUser(boolean listening, Runnable onLeft) ->
          new VhostUserControl(
              channel,
              listening,
              new VhostUserDevice(queueThread, engine, device),
              warnings,
              onLeft,
              fatal);
    };
  }

  private void broken(int queue, String reason) {
    control.broken(queue, reason);
  }

  /** All counters; a device server has one group, named like the device. */
  List<SupervisionReply.Group> counters() {
    Map<String, Long> values = new LinkedHashMap<>();
    counters.forEach(counter -> values.put(counter.name(), counter.value()));
    return List.of(new SupervisionReply.Group(name, values));
  }

  void setLink(boolean up, Duration timeout) throws IOException {
    queueThread.call(
        () -> {
          engine.setLink(up);
          return null;
        },
        timeout);
  }

  /** Ends the activation, the device and the threads, or gives up after about {@code timeout}. */
  void close(Duration timeout) {
    control.close(timeout);
    try {
      queueThread.call(
          () -> {
            engine.close();
            return null;
          },
          timeout);
    } catch (IOException e) {
      warnings.accept("device was not closed: " + e.getMessage());
    }
    queueThread.close();
  }

  @Override
  public EventLoop loop() {
    return queueThread.loop();
  }

  @Override
  public Counter counter(String counterName) {
    Counter counter = new Counter(counterName);
    counters.add(counter);
    return counter;
  }

  @Override
  public Counter requests() {
    return requests;
  }

  @Override
  public Counter bytesToGuest() {
    return bytesToGuest;
  }

  @Override
  public Counter bytesFromGuest() {
    return bytesFromGuest;
  }

  @Override
  public Counter errors() {
    return errors;
  }

  @Override
  public void configChanged() {
    if (control != null) {
      control.configChanged(device.config());
    }
  }

  @Override
  public void warn(String text) {
    warnings.accept(text);
  }
}
