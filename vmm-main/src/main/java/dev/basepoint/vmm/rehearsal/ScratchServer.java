package dev.basepoint.vmm.rehearsal;

import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.DeviceProtocol;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.Responder;
import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.PopResult;
import dev.basepoint.ipc.virtqueue.QueueLimits;
import dev.basepoint.ipc.virtqueue.QueuePosition;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.virtqueue.RingFeatures;
import dev.basepoint.vmm.virtio.mmio.VirtioMmio;
import dev.basepoint.vmm.virtio.shadow.DeviceProfile;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * A device server on a thread of this process that answers every request without doing anything.
 */
final class ScratchServer implements AutoCloseable {
  private static final int QUEUE_SIZE_MAX = 256;
  private static final long JOIN_MILLIS = 5_000;

  private static final class Queue {
    private final DeviceQueue ring;
    private final DescriptorChain chain;
    private final EventFd kick;
    private final EventFd call;
    private final EventLoop.Registration registration;
    private final boolean holds;

    private Queue(
        DeviceQueue ring, DeviceRequest.QueueSetup setup, boolean holds, ScratchServer server)
        throws ErrnoException {
      this.ring = ring;
      this.holds = holds;
      chain = ring.newChain();
      kick = EventFd.own(setup.kick());
      call = EventFd.own(setup.call());
      registration =
          server.loop.watch(
              kick.fd(),
              Epoll.EPOLLIN,
              _ -> {
                kick.drain();
                server.serve(this);
              });
    }

    private void close() {
      registration.cancel();
      kick.close();
      call.close();
    }
  }

  private final ScratchGuest.Device device;
  private final boolean template;
  private final EventLoop loop = new EventLoop();
  private final Responder<DeviceRequest, DeviceReply, DeviceEvent> responder;
  private final List<Queue> queues = new ArrayList<>();
  private final Semaphore served = new Semaphore(0);
  private final Thread thread;
  private Mapping window;

  /**
   * @param template leave those requests open that a real server might not answer for long
   */
  ScratchServer(ScratchGuest.Device device, UnixSocket socket, boolean template)
      throws ErrnoException {
    this.device = device;
    this.template = template;
    responder =
        new Responder<>(
            new FrameChannel(socket, "rehearsed vmm-main"), new DeviceProtocol(), this::handle);
    loop.watch(responder.fd(), Epoll.EPOLLIN, _ -> serveChannel());
    thread = Thread.ofPlatform().name("rehearsal-" + device.name()).daemon().unstarted(this::run);
  }

  ScratchServer start() {
    thread.start();
    return this;
  }

  /** Waits until the requests of a clone have been answered. */
  void awaitServed(Duration timeout) throws IOException, InterruptedException {
    int open = device.queueCount() * (ScratchGuest.REQUESTS - ScratchGuest.REQUESTS_BEFORE);
    if (!served.tryAcquire(open, timeout.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new IOException("the requests of " + device.name() + " did not arrive");
    }
  }

  private void run() {
    try {
      loop.run();
    } catch (ErrnoException e) {
      System.err.println("vmm-main: rehearsal: " + e.getMessage());
    }
    deactivate();
    responder.close();
  }

  private void serveChannel() {
    try {
      responder.serveReady();
    } catch (IOException e) {
      loop.stop();
    }
  }

  private DeviceReply handle(DeviceRequest request) throws IOException {
    switch (request) {
      case DeviceRequest.Hello _ -> {
        return new DeviceReply.Hello(DeviceProtocol.VERSION, 0);
      }
      case DeviceRequest.Describe _ -> {
        return info();
      }
      case DeviceRequest.Activate activate -> activate(activate);
      case DeviceRequest.Run _ -> queues.forEach(this::serve);
      case DeviceRequest.Halt _ -> deactivate();
      case DeviceRequest.Drain _, DeviceRequest.WriteConfig _, DeviceRequest.Ping _ -> {}
    }
    return new DeviceReply.Done();
  }

  private DeviceReply.Info info() {
    int configBytes =
        switch (device.kind()) {
          case BLK -> 60;
          case NET -> 12;
          case RNG -> 0;
        };
    return new DeviceReply.Info(
        DeviceProfile.of(device.kind()).virtioDeviceId(),
        VirtioMmio.VIRTIO_F_VERSION_1 | RingFeatures.VIRTIO_F_EVENT_IDX,
        device.queueCount(),
        QUEUE_SIZE_MAX,
        new byte[configBytes]);
  }

  private void activate(DeviceRequest.Activate activate) throws IOException {
    window = Mapping.shared(activate.window(), 0, activate.windowBytes(), true);
    activate.window().close();
    GuestMemory memory = GuestMemory.ofWindow(window.segment());
    for (DeviceRequest.QueueSetup setup : activate.queues()) {
      RingAddresses rings =
          new RingAddresses(
              setup.size(), setup.descOffset(), setup.availOffset(), setup.usedOffset());
      DeviceQueue.Opening opening =
          DeviceQueue.open(
              memory,
              rings,
              activate.features(),
              QueueLimits.ofSpecification(setup.size()),
              QueuePosition.START);
      if (!(opening instanceof DeviceQueue.Opened(DeviceQueue ring))) {
        throw new IOException("window refused: " + opening);
      }
      queues.add(new Queue(ring, setup, template && setup.index() == 0 && !endsAlways(), this));
    }
  }

  private boolean endsAlways() {
    return DeviceProfile.of(device.kind()).everyRequestEnds();
  }

  private void deactivate() {
    queues.forEach(Queue::close);
    queues.clear();
    if (window != null) {
      window.close();
      window = null;
    }
  }

  private void serve(Queue queue) {
    do {
      while (queue.ring.pop(queue.chain) == PopResult.CHAIN) {
        if (!queue.holds) {
          queue.ring.push(queue.chain.headId(), queue.chain.writableBytes());
          served.release();
        }
      }
      if (queue.ring.publish()) {
        queue.call.signal();
      }
    } while (queue.ring.enableKicks());
  }

  @Override
  public void close() {
    loop.stop();
    try {
      thread.join(JOIN_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    loop.close();
  }
}
