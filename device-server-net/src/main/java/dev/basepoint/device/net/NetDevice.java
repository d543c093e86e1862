package dev.basepoint.device.net;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.ipc.server.Activation;
import dev.basepoint.ipc.server.DeviceHost;
import dev.basepoint.ipc.server.Progress;
import dev.basepoint.ipc.server.QueuePort;
import dev.basepoint.ipc.server.VirtioDevice;
import dev.basepoint.ipc.virtqueue.QueueLimits;
import java.io.IOException;

/**
 * A network device with one pair of queues, virtio 1.2 section 5.1. Every packet is moved, dropped
 * and counted, or waits in a ring; none is in flight between two events.
 */
final class NetDevice implements VirtioDevice {
  /** Virtio 1.2 section 5.1.1. */
  static final int VIRTIO_ID_NET = 1;

  /** Ethernet header and VLAN tag. */
  private static final int ETHERNET_OVERHEAD_BYTES = 18;

  private static final int RECEIVEQ = 0;
  private static final int TRANSMITQ = 1;

  /** More ranges than any driver uses for one packet, and few enough for one writev. */
  private static final int SEGMENTS_MAX = 512;

  private final DeviceHost host;
  private final PacketBackEnd backEnd;
  private final Receiver receiver;
  private final Transmitter transmitter;
  private final byte[] mac;
  private final int mtuBytes;
  private final int queueSize;
  private boolean linkUp;

  /** The back end's peer hung up; what it sent before may still be there to read. */
  private boolean hungUp;

  private boolean gone;

  private EventLoop.Registration watch;
  private int watchedEvents;
  private boolean wantInput;
  private boolean wantOutput;

  NetDevice(SupervisionRequest.ConfigureNet configuration, PacketBackEnd backEnd, DeviceHost host) {
    this.host = host;
    this.backEnd = backEnd;
    mac = configuration.mac();
    mtuBytes = configuration.mtuBytes();
    queueSize = configuration.queueSize();
    linkUp = configuration.linkUp();
    receiver = new Receiver(backEnd, mtuBytes, host);
    transmitter = new Transmitter(backEnd, host, SEGMENTS_MAX);
  }

  /** Makes the device that the launcher configured. */
  static NetDevice create(SupervisionRequest.ConfigureNet configuration, DeviceHost host)
      throws IOException {
    PacketBackEnd backEnd =
        switch (configuration.backend()) {
          case TAP ->
              new TapBackEnd(configuration.backendFd(), configuration.offloads(), SEGMENTS_MAX);
          case STREAM -> new StreamBackEnd(configuration.backendFd(), SEGMENTS_MAX);
          case ECHO -> new EchoBackEnd(configuration.mtuBytes() + ETHERNET_OVERHEAD_BYTES);
          case NONE -> new NoBackEnd();
        };
    return new NetDevice(configuration, backEnd, host);
  }

  @Override
  public int virtioDeviceId() {
    return VIRTIO_ID_NET;
  }

  @Override
  public long deviceFeatures() {
    return NetFeatures.ALWAYS | backEnd.features();
  }

  @Override
  public int queueCount() {
    return 2;
  }

  @Override
  public int queueSizeMax() {
    return queueSize;
  }

  @Override
  public byte[] config() {
    return NetConfig.encode(mac, linkUp, mtuBytes);
  }

  @Override
  public QueueLimits limits(int queueSize) {
    return new QueueLimits(Math.min(queueSize, SEGMENTS_MAX), QueueLimits.MAX_CHAIN_BYTES);
  }

  @Override
  public boolean completesInOrder() {
    return true;
  }

  @Override
  public void activate(Activation activation) throws IOException {
    if (!gone) {
      backEnd.negotiated(activation.features());
    }
    receiver.activate(activation.queue(RECEIVEQ), activation.features());
    transmitter.activate(activation.queue(TRANSMITQ), activation.features());
  }

  @Override
  public void start() {
    if (backEnd.fd() != null && !hungUp && !gone) {
      try {
        watchedEvents = 0;
        watch = host.loop().watch(backEnd.fd(), watchedEvents, this::onBackEndReady);
      } catch (ErrnoException e) {
        throw new IllegalStateException("the back end cannot be watched", e);
      }
    }
  }

  @Override
  public Progress processQueue(QueuePort queue) {
    Progress progress = queue.index() == RECEIVEQ ? receive() : transmit();
    updateWatch();
    return progress;
  }

  private Progress receive() {
    Receiver.Stop stop = gone ? Receiver.Stop.GONE : receiver.process(linkUp);
    wantInput = stop == Receiver.Stop.BACK_END_EMPTY;
    if (stop == Receiver.Stop.GONE || (wantInput && hungUp)) {
      loseBackEnd();
    }
    return Receiver.progress(stop);
  }

  private Progress transmit() {
    Progress progress = transmitter.process(linkUp);
    wantOutput = !gone && (progress == Progress.BLOCKED || !backEnd.flushPending());
    return progress;
  }

  private void onBackEndReady(int events) {
    boolean hangup = (events & (Epoll.EPOLLHUP | Epoll.EPOLLERR)) != 0;
    if (hangup) {
      // It cannot be masked, and watching on would only spin.
      hungUp = true;
      unwatch();
    }
    if ((hangup || (events & Epoll.EPOLLOUT) != 0) && backEnd.flushPending()) {
      wantOutput = false;
      resume(transmitter.queue());
    }
    if (hangup && receiver.queue() == null) {
      loseBackEnd();
    } else if (hangup || (events & Epoll.EPOLLIN) != 0) {
      resume(receiver.queue());
    }
    updateWatch();
  }

  private static void resume(QueuePort queue) {
    if (queue != null) {
      queue.resume();
    }
  }

  private void loseBackEnd() {
    if (gone) {
      return;
    }
    gone = true;
    wantInput = false;
    wantOutput = false;
    unwatch();
    backEnd.close();
    host.warn("the network back end is gone; the link is down");
    changeLink(false);
    // Packets that waited for the back end are dropped now; not from inside another queue's turn.
    host.loop().execute(() -> resume(transmitter.queue()));
  }

  private void unwatch() {
    if (watch != null) {
      watch.cancel();
      watch = null;
    }
  }

  private void updateWatch() {
    if (watch == null) {
      return;
    }
    int events = (wantInput ? Epoll.EPOLLIN : 0) | (wantOutput ? Epoll.EPOLLOUT : 0);
    if (events != watchedEvents) {
      watchedEvents = events;
      try {
        watch.setEvents(events);
      } catch (ErrnoException e) {
        throw new IllegalStateException("the back end cannot be watched", e);
      }
    }
  }

  @Override
  public void quiesce() {
    wantInput = false;
    wantOutput = false;
    unwatch();
    receiver.quiesce();
  }

  @Override
  public void deactivate() {
    receiver.deactivate();
    transmitter.deactivate();
  }

  @Override
  public void writeConfig(int offset, byte[] data) {
    // Every field is read-only for a driver that accepts VIRTIO_F_VERSION_1.
  }

  @Override
  public void setLink(boolean up) throws IOException {
    if (up && gone) {
      throw new IOException("the network back end is gone");
    }
    changeLink(up);
  }

  private void changeLink(boolean up) {
    if (up != linkUp) {
      linkUp = up;
      host.configChanged();
    }
  }

  @Override
  public void close() {
    quiesce();
    backEnd.close();
  }
}
