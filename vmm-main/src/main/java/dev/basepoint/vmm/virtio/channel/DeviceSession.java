package dev.basepoint.vmm.virtio.channel;

import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.DeviceProtocol;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.ProtocolException;
import dev.basepoint.ipc.control.Requester;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.vmm.virtio.shadow.Window;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The conversation with one device server process, and the eventfds shared with it. Every call has
 * the same deadline; one that throws leaves the session unusable.
 */
final class DeviceSession implements AutoCloseable {
  private final Requester<DeviceRequest, DeviceReply, DeviceEvent> requester;
  private final Deadlines deadlines;
  private final DeviceReply.Info info;
  private final EventFd[] kicks;
  private final EventFd[] calls;

  private DeviceSession(
      Requester<DeviceRequest, DeviceReply, DeviceEvent> requester,
      Deadlines deadlines,
      DeviceReply.Info info,
      EventFd[] kicks,
      EventFd[] calls) {
    this.requester = requester;
    this.deadlines = deadlines;
    this.info = info;
    this.kicks = kicks;
    this.calls = calls;
  }

  /**
   * Greets the server at the other end of {@code channel} and asks what it is.
   *
   * @param listener hears of the server's events and of its end from now on
   */
  static DeviceSession open(
      String name, Fd channel, Deadlines deadlines, Requester.Listener<DeviceEvent> listener)
      throws IOException {
    Requester<DeviceRequest, DeviceReply, DeviceEvent> requester =
        new Requester<>(
                new FrameChannel(UnixSocket.own(channel), name), new DeviceProtocol(), listener)
            .start();
    List<EventFd> events = new ArrayList<>();
    try {
      DeviceReply.Hello hello =
          call(
              requester,
              new DeviceRequest.Hello(DeviceProtocol.VERSION, 0),
              deadlines.request(),
              DeviceReply.Hello.class);
      if (hello.version() != DeviceProtocol.VERSION) {
        throw new ProtocolException(
            name + " speaks version " + hello.version() + " of the device protocol");
      }
      DeviceReply.Info info =
          call(
              requester, new DeviceRequest.Describe(), deadlines.request(), DeviceReply.Info.class);
      EventFd[] kicks = eventFds(info.queueCount(), events);
      EventFd[] calls = eventFds(info.queueCount(), events);
      return new DeviceSession(requester, deadlines, info, kicks, calls);
    } catch (IOException | RuntimeException e) {
      events.forEach(EventFd::close);
      requester.close();
      throw e;
    }
  }

  private static EventFd[] eventFds(int count, List<EventFd> made) throws ErrnoException {
    EventFd[] fds = new EventFd[count];
    for (int i = 0; i < count; i++) {
      fds[i] = EventFd.create();
      made.add(fds[i]);
    }
    return fds;
  }

  /** What the server said that the device is. */
  DeviceReply.Info info() {
    return info;
  }

  /** To the server, by queue index. */
  EventFd[] kicks() {
    return kicks;
  }

  /** From the server, by queue index. */
  EventFd[] calls() {
    return calls;
  }

  /**
   * Hands over a window.
   *
   * @param indexes of the queues that have rings in it, in their order
   */
  void activate(long features, Window window, List<Integer> indexes) throws IOException {
    List<DeviceRequest.QueueSetup> queues = new ArrayList<>();
    for (int ordinal = 0; ordinal < indexes.size(); ordinal++) {
      int index = indexes.get(ordinal);
      RingAddresses rings = window.rings(ordinal);
      queues.add(
          new DeviceRequest.QueueSetup(
              index,
              rings.queueSize(),
              rings.descGpa(),
              rings.availGpa(),
              rings.usedGpa(),
              0,
              0,
              kicks[index].fd(),
              calls[index].fd()));
    }
    done(new DeviceRequest.Activate(features, window.sizeBytes(), window.memfd(), queues));
  }

  void run() throws IOException {
    done(new DeviceRequest.Run());
  }

  void halt() throws IOException {
    call(requester, new DeviceRequest.Halt(), deadlines.halt(), DeviceReply.Done.class);
  }

  void writeConfig(DeviceRequest.WriteConfig write) throws IOException {
    done(write);
  }

  void ping() throws IOException {
    done(new DeviceRequest.Ping());
  }

  private void done(DeviceRequest request) throws IOException {
    call(requester, request, deadlines.request(), DeviceReply.Done.class);
  }

  private static <A extends DeviceReply> A call(
      Requester<DeviceRequest, DeviceReply, DeviceEvent> requester,
      DeviceRequest request,
      Duration deadline,
      Class<A> expected)
      throws IOException {
    DeviceReply reply = requester.call(request, deadline);
    if (!expected.isInstance(reply)) {
      throw new ProtocolException(
          "answered "
              + request.getClass().getSimpleName()
              + " with "
              + reply.getClass().getSimpleName());
    }
    return expected.cast(reply);
  }

  /** Ends the conversation; the I/O thread watches the calls no longer. */
  @Override
  public void close() {
    requester.close();
    for (int i = 0; i < kicks.length; i++) {
      kicks[i].close();
      calls[i].close();
    }
  }
}
