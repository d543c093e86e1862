package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.DeviceProtocol;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.Requester;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.DriverQueue;
import dev.basepoint.ipc.virtqueue.GuestDriver;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.window.SlotAllocator;
import dev.basepoint.ipc.window.WindowLayout;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.IntStream;

/**
 * vmm-main's half of a device: the device channel, the window and the driver's side of its queues.
 *
 * <pre>
 *   try (TestServer server = TestServer.spawn("dev.basepoint.device.rng.Main")) {
 *     server.hello();
 *     TestDeviceClient client = server.configure(channel -> new ConfigureRng(..., channel, ...));
 *     DeviceReply.Info info = client.start(1 << 20, 64);     // Hello to Run, one queue of 64
 *     Completion done = client.request(0, Buffer.writable(32));
 *   }
 * </pre>
 */
public final class TestDeviceClient implements AutoCloseable {
  private final Requester<DeviceRequest, DeviceReply, DeviceEvent> requester;
  private final FrameChannel channel;
  private final BlockingQueue<DeviceEvent> events = new LinkedBlockingQueue<>();
  private final CompletableFuture<IOException> closed = new CompletableFuture<>();
  private final List<EventFd> kicks = new ArrayList<>();
  private final List<EventFd> calls = new ArrayList<>();
  private final List<GuestDriver> guests = new ArrayList<>();
  private Mapping window;
  private WindowLayout layout;
  private GuestMemory memory;
  private SlotAllocator heap;
  private long features;

  /** Speaks over a connected socket. */
  public TestDeviceClient(UnixSocket socket) {
    channel = new FrameChannel(socket, "device server");
    requester =
        new Requester<>(
                channel,
                new DeviceProtocol(),
                new Requester.Listener<DeviceEvent>() {
                  @Override
                  public void onEvent(DeviceEvent event) {
                    events.add(event);
                  }

                  @Override
                  public void onClosed(IOException cause) {
                    closed.complete(cause);
                  }
                })
            .start();
  }

  /** Asks and waits. */
  public DeviceReply call(DeviceRequest request) throws IOException {
    return requester.call(request, TestServer.GENEROUS);
  }

  /** What the device reported unasked, in order. */
  public BlockingQueue<DeviceEvent> events() {
    return events;
  }

  /** Completes when the device channel ends. */
  public CompletableFuture<IOException> closed() {
    return closed;
  }

  /** The channel itself, for messages that no honest peer sends. */
  public FrameChannel channel() {
    return channel;
  }

  /** Greets the device and asks what it is. */
  public DeviceReply.Info describe() throws IOException {
    call(new DeviceRequest.Hello(DeviceProtocol.VERSION, 0));
    return (DeviceReply.Info) call(new DeviceRequest.Describe());
  }

  /** Everything from Hello to Run with all offered features and queues of these sizes. */
  public DeviceReply.Info start(long slotsBytes, int... queueSizes) throws IOException {
    DeviceReply.Info info = describe();
    activate(info.features(), slotsBytes, queueSizes);
    call(new DeviceRequest.Run());
    return info;
  }

  /** Makes a window with fresh rings and activates queues 0, 1, ... in it. */
  public void activate(long acknowledged, long slotsBytes, int... queueSizes) throws IOException {
    try (Fd memfd = open(acknowledged, slotsBytes, queueSizes)) {
      call(activation(memfd));
    }
  }

  /**
   * Makes a window with fresh rings without telling the device.
   *
   * @return the sealed memfd, which the caller closes
   */
  public Fd open(long acknowledged, long slotsBytes, int... queueSizes) throws IOException {
    release();
    features = acknowledged;
    layout = WindowLayout.compute(IntStream.of(queueSizes).boxed().toList(), slotsBytes);
    Fd memfd = MemFd.create("window", layout.totalBytes());
    MemFd.seal(memfd, MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW | MemFd.F_SEAL_SEAL);
    window = Mapping.shared(memfd, 0, layout.totalBytes(), true);
    memory = GuestMemory.ofWindow(window.segment());
    heap = new SlotAllocator(layout.slotsOffset(), layout.slotsBytes());
    for (RingAddresses addresses : layout.queues()) {
      kicks.add(EventFd.create());
      calls.add(EventFd.create());
      guests.add(new GuestDriver(memory, addresses, heap, acknowledged));
    }
    return memfd;
  }

  /** The activation of the window that was opened last. */
  public DeviceRequest.Activate activation(Fd memfd) {
    List<DeviceRequest.QueueSetup> queues = new ArrayList<>();
    for (int i = 0; i < layout.queues().size(); i++) {
      RingAddresses ring = layout.queues().get(i);
      queues.add(
          new DeviceRequest.QueueSetup(
              i,
              ring.queueSize(),
              ring.descGpa(),
              ring.availGpa(),
              ring.usedGpa(),
              0,
              0,
              kicks.get(i).fd(),
              calls.get(i).fd()));
    }
    return new DeviceRequest.Activate(features, layout.totalBytes(), memfd, queues);
  }

  /** The window as the device sees it. */
  public GuestMemory memory() {
    return memory;
  }

  /** Where things are in the window. */
  public WindowLayout layout() {
    return layout;
  }

  /** Takes slots for buffers; shared with the drivers of {@link #guest}. */
  public SlotAllocator heap() {
    return heap;
  }

  /** A comfortable driver of a queue. */
  public GuestDriver guest(int queue) {
    return guests.get(queue);
  }

  /** A fast driver of a queue, instead of {@link #guest}; zeroes the rings. */
  public DriverQueue driverQueue(int queue) {
    return new DriverQueue(memory, layout.queues().get(queue), features);
  }

  /** The eventfd that tells the device of available chains. */
  public EventFd kick(int queue) {
    return kicks.get(queue);
  }

  /** The eventfd that tells of used chains. */
  public EventFd call(int queue) {
    return calls.get(queue);
  }

  /** Publishes what was submitted to a queue's guest driver and kicks if the device wants it. */
  public void publish(int queue) {
    if (guest(queue).publish()) {
      kick(queue).signal();
    }
  }

  /** Sends one request through a queue and waits for its completion. */
  public GuestDriver.Completion request(int queue, GuestDriver.Buffer... buffers)
      throws IOException {
    guest(queue).submit(buffers);
    publish(queue);
    return await(queue);
  }

  /** Waits for the next completion of a queue. */
  public GuestDriver.Completion await(int queue) throws IOException {
    return await(queue, TestServer.GENEROUS)
        .orElseThrow(() -> new AssertionError("no completion; channel: " + closed.getNow(null)));
  }

  /** Waits for the next completion of a queue, or nothing after {@code timeout}. */
  public Optional<GuestDriver.Completion> await(int queue, Duration timeout) throws IOException {
    long deadline = System.nanoTime() + timeout.toNanos();
    while (true) {
      Optional<GuestDriver.Completion> done = guest(queue).poll();
      if (done.isPresent()) {
        return done;
      }
      if (guest(queue).enableCalls()) {
        continue;
      }
      if (!Poll.await(call(queue).fd(), Poll.POLLIN, deadline)) {
        return Optional.empty();
      }
      call(queue).drain();
    }
  }

  /** Drains the device; it goes on after a Run. */
  public List<DeviceReply.Position> drain() throws IOException {
    return ((DeviceReply.Drained) call(new DeviceRequest.Drain())).queues();
  }

  /** Ends the activation and gives the window back. */
  public void halt() throws IOException {
    call(new DeviceRequest.Halt());
    release();
  }

  private void release() {
    kicks.forEach(EventFd::close);
    calls.forEach(EventFd::close);
    kicks.clear();
    calls.clear();
    guests.clear();
    if (window != null) {
      window.close();
      window = null;
    }
  }

  @Override
  public void close() {
    requester.close();
    release();
  }
}
