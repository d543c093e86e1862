package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.QueuePosition;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A device in the test's own thread, over whatever memory the test wants: the frame's engine
 * without its threads and channels. For property tests, where millions of chains pass.
 *
 * <pre>
 *   try (TestFrame frame = new TestFrame()) {
 *     frame.configure(RngDevice::new, configuration);
 *     frame.activate(memory, features, addresses);
 *     guest.submit(...); guest.publish();
 *     frame.kick(0);                       // returns when the device has nothing left to do
 *     if (frame.isBroken()) { frame.reset(); ... frame.activate(...); }
 *   }
 * </pre>
 */
public final class TestFrame implements DeviceHost, AutoCloseable {
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(60);
  private static final long OVERWRITTEN_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final EventLoop loop;
  private final Map<String, Counter> counters = new HashMap<>();
  private final List<String> warnings = new ArrayList<>();
  private VirtioDevice device;
  private DeviceEngine engine;
  private Activation activation;
  private String broken;
  private int configChanges;

  public TestFrame() throws IOException {
    loop = new EventLoop();
  }

  /** Makes the device. */
  public <C extends SupervisionRequest.ConfigureDevice> VirtioDevice configure(
      DeviceFactory<C> factory, C configuration) throws IOException {
    device = factory.create(configuration, this);
    engine = new DeviceEngine(device, loop, errors(), (_, reason) -> broken = reason, false);
    return device;
  }

  /** Activates and starts the device on queues 0, 1, ... at {@code addresses}. */
  public void activate(GuestMemory memory, long features, RingAddresses... addresses)
      throws IOException {
    broken = null;
    List<QueuePort> ports = new ArrayList<>();
    for (int i = 0; i < addresses.length; i++) {
      DeviceQueue queue =
          switch (DeviceQueue.open(
              memory,
              addresses[i],
              features,
              device.limits(addresses[i].queueSize()),
              QueuePosition.START)) {
            case DeviceQueue.Opened(DeviceQueue opened) -> opened;
            case DeviceQueue.Refused refused -> throw new IOException(refused.toString());
          };
      ports.add(new QueuePort(i, queue, EventFd.create(), EventFd.create(), errors(), engine));
    }
    activation = new Activation(features, memory, device.queueCount(), ports);
    engine.attach(new OpenedWindow(activation, () -> {}));
    engine.run();
  }

  /** Kicks a queue and lets the device work until it has nothing left to do there. */
  public void kick(int queue) throws IOException {
    QueuePort port = activation.queue(queue);
    port.kick().signal();
    loop.runOnce(1);
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    long kickAgain = System.nanoTime() + OVERWRITTEN_NANOS;
    while (isBusy(port)) {
      loop.runOnce(1);
      if (port.inFlight() == 0 && System.nanoTime() > kickAgain) {
        // An answer that came late has overwritten the index, and for that nobody kicks.
        port.kick().signal();
      }
      if (System.nanoTime() > deadline) {
        throw new AssertionError("the device hangs with " + port.inFlight() + " in flight");
      }
    }
  }

  /**
   * As {@link #kick}, for a device that may keep chains in flight until it gets more of them; what
   * it can do without is done when this returns.
   */
  public void kickAndKeep(int queue) throws IOException {
    QueuePort port = activation.queue(queue);
    port.kick().signal();
    loop.runOnce(1);
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (isRunnable(port)) {
      loop.runOnce(1);
      if (System.nanoTime() > deadline) {
        throw new AssertionError("the device hangs");
      }
    }
  }

  /** Whether a queue has nothing in flight and nothing in its ring, so that no event moves it. */
  public boolean isIdle(int queue) {
    QueuePort port = activation.queue(queue);
    return port.inFlight() == 0 && !port.queue().hasPending();
  }

  private boolean isBusy(QueuePort port) {
    return port.inFlight() > 0 || isRunnable(port);
  }

  private boolean isRunnable(QueuePort port) {
    return (port.isOpen() && !port.isBlocked() && port.queue().hasPending())
        || (!port.isOpen() && broken == null);
  }

  /** Serves what is ready now and returns. */
  public void runLoopOnce(int timeoutMillis) throws IOException {
    loop.runOnce(timeoutMillis);
  }

  /** Where the device stands in a queue. */
  public QueuePosition position(int queue) {
    return activation.queue(queue).position();
  }

  /** Why the rings are broken, or null. */
  public String broken() {
    return broken;
  }

  /** Ends the activation; nothing is in flight then. */
  public void reset() throws IOException {
    var settled = engine.settle();
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (!settled.isDone()) {
      loop.runOnce(1);
      if (System.nanoTime() > deadline) {
        throw new AssertionError("the device does not settle");
      }
    }
    engine.halt();
    activation = null;
  }

  /** What a counter says. */
  public long count(String name) {
    return counters.get(name).value();
  }

  /** How often the device said that its configuration changed. */
  public int configChanges() {
    return configChanges;
  }

  /** What the device warned of. */
  public List<String> warnings() {
    return warnings;
  }

  @Override
  public EventLoop loop() {
    return loop;
  }

  @Override
  public Counter counter(String name) {
    return counters.computeIfAbsent(name, Counter::new);
  }

  @Override
  public Counter requests() {
    return counter("requests");
  }

  @Override
  public Counter bytesToGuest() {
    return counter("bytesToGuest");
  }

  @Override
  public Counter bytesFromGuest() {
    return counter("bytesFromGuest");
  }

  @Override
  public Counter errors() {
    return counter("errors");
  }

  @Override
  public void configChanged() {
    configChanges++;
  }

  @Override
  public void warn(String text) {
    warnings.add(text);
  }

  @Override
  public void close() throws IOException {
    if (activation != null) {
      reset();
    }
    if (device != null) {
      device.close();
    }
    loop.close();
  }
}
