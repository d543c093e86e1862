package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.ipc.virtqueue.PopResult;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Carries a device through its life and serves its queues. Everything runs on the queue thread.
 *
 * <p>Kicks are watched edge-triggered and never read: each write of vmm-main is an edge of its own,
 * so a request costs one system call less.
 */
final class DeviceEngine implements QueuePort.Owner, EventLoop.Poller {
  /** How often a queue that fills while it is served is served again before others get a turn. */
  private static final int ROUNDS_MAX = 4;

  /** Hears that a ring makes no sense. */
  @FunctionalInterface
  interface BrokenListener {
    void onBroken(int queue, String reason);
  }

  private final VirtioDevice device;
  private final EventLoop loop;
  private final Counter badChains;
  private final BrokenListener brokenListener;
  private final boolean polling;
  private final List<EventLoop.Registration> kicks = new ArrayList<>();

  private OpenedWindow window;
  private QueuePort[] ports = new QueuePort[0];
  private boolean quiescing;
  private boolean broken;
  private CompletableFuture<Void> settling;

  /**
   * @param badChains counts malformed chains
   * @param brokenListener hears, once per activation, that its rings are broken
   * @param polling look at the rings as long as the loop spins, and want no kicks meanwhile
   */
  DeviceEngine(
      VirtioDevice device,
      EventLoop loop,
      Counter badChains,
      BrokenListener brokenListener,
      boolean polling) {
    this.device = device;
    this.loop = loop;
    this.badChains = badChains;
    this.brokenListener = brokenListener;
    this.polling = polling;
  }

  DeviceReply.Info describe() {
    return new DeviceReply.Info(
        device.virtioDeviceId(),
        device.deviceFeatures() | VirtioFeatures.TRANSPORT,
        device.queueCount(),
        device.queueSizeMax(),
        device.config());
  }

  /** Takes over the request's descriptors, whatever happens. */
  void activate(DeviceRequest.Activate request) throws IOException {
    attach(OpenedWindow.open(request, describe(), device, badChains, this));
  }

  /** Takes over an opened window, whatever happens. */
  void attach(OpenedWindow opened) throws IOException {
    boolean activated = false;
    try {
      for (QueuePort port : opened.activation().queues()) {
        kicks.add(loop.watch(port.kick().fd(), Epoll.EPOLLIN | Epoll.EPOLLET, _ -> serve(port)));
      }
      device.activate(opened.activation());
      activated = true;
    } finally {
      if (!activated) {
        unwatchKicks();
        opened.close();
      }
    }
    window = opened;
    ports = opened.activation().queues().toArray(QueuePort[]::new);
    broken = false;
    quiescing = true;
  }

  /** Starts, or goes on after a drain. */
  void run() throws RequestFailedException {
    if (broken) {
      throw new RequestFailedException(
          RequestFailedException.Code.FAILED, "the rings are broken; halt the device first");
    }
    quiescing = false;
    settling = null;
    openPorts(true);
    device.start();
    if (polling) {
      loop.addPoller(this);
    }
    for (QueuePort port : ports) {
      serve(port);
    }
  }

  /** Pops nothing more; the future tells when nothing is in flight. */
  CompletableFuture<Void> settle() {
    quiesce();
    settling = new CompletableFuture<>();
    onSettled();
    return settling;
  }

  private void quiesce() {
    if (quiescing) {
      return;
    }
    quiescing = true;
    openPorts(false);
    loop.removePoller(this);
    device.quiesce();
    for (QueuePort port : ports) {
      port.flush();
    }
  }

  /** Where the queues stand, after {@link #settle}. */
  List<DeviceReply.Position> positions() {
    List<DeviceReply.Position> positions = new ArrayList<>();
    for (QueuePort port : ports) {
      positions.add(
          new DeviceReply.Position(
              port.index(), port.position().nextAvail(), port.position().nextUsed()));
    }
    return positions;
  }

  /** Ends the activation, after {@link #settle}. */
  void halt() {
    device.deactivate();
    unwatchKicks();
    ports = new QueuePort[0];
    window.close();
    window = null;
    settling = null;
  }

  /** Whether a window is mapped. */
  boolean isActive() {
    return window != null;
  }

  void writeConfig(int offset, byte[] data) throws RequestFailedException {
    if (offset + data.length > device.config().length) {
      throw new RequestFailedException(
          RequestFailedException.Code.INVALID,
          "config write of " + data.length + " bytes at " + offset + " is outside");
    }
    device.writeConfig(offset, data);
  }

  /** Replaces a queue's call, which is owned by it, and calls, in case one got lost between. */
  void setCall(int index, EventFd call) {
    for (QueuePort port : ports) {
      if (port.index() == index) {
        port.setCall(call);
        if (call != null) {
          call.signal();
        }
        return;
      }
    }
    if (call != null) {
      call.close();
    }
  }

  /** What opening a window needs of the frame. */
  Counter badChains() {
    return badChains;
  }

  void setLink(boolean up) throws IOException {
    device.setLink(up);
  }

  void close() {
    device.close();
  }

  @Override
  public void serve(QueuePort port) {
    if (!port.isOpen()) {
      return;
    }
    port.setBlocked(false);
    port.queue().disableKicks();
    for (int round = 0; round < ROUNDS_MAX; round++) {
      Progress progress = device.processQueue(port);
      port.flush();
      if (!port.isOpen()) {
        return;
      }
      switch (progress) {
        case EMPTY -> {
          if (polling || !port.queue().enableKicks()) {
            return;
          }
        }
        case MORE -> round = ROUNDS_MAX;
        case BLOCKED -> {
          port.setBlocked(true);
          return;
        }
      }
    }
    // More is there; the queue gets its next turn as if it had been kicked.
    port.kick().signal();
  }

  @Override
  public boolean poll() {
    boolean worked = false;
    for (QueuePort port : ports) {
      if (port.isOpen() && !port.isBlocked() && port.queue().hasPending()) {
        serve(port);
        worked = true;
      }
    }
    return worked;
  }

  @Override
  public boolean beforeSleep() {
    boolean pending = false;
    for (QueuePort port : ports) {
      pending |= port.isOpen() && !port.isBlocked() && port.queue().enableKicks();
    }
    return pending;
  }

  @Override
  public void onBroken(QueuePort port, PopResult fault) {
    if (broken) {
      return;
    }
    broken = true;
    openPorts(false);
    // The device is in the middle of its work now; it hears of it when it has returned.
    loop.execute(
        () -> {
          quiesce();
          brokenListener.onBroken(port.index(), "queue " + port.index() + ": " + fault);
        });
  }

  @Override
  public void onSettled() {
    if (settling == null) {
      return;
    }
    for (QueuePort port : ports) {
      if (port.inFlight() != 0) {
        return;
      }
    }
    settling.complete(null);
  }

  private void openPorts(boolean open) {
    for (QueuePort port : ports) {
      port.setOpen(open);
      port.setBlocked(false);
    }
  }

  private void unwatchKicks() {
    kicks.forEach(EventLoop.Registration::cancel);
    kicks.clear();
  }
}
