package dev.basepoint.vmm.virtio.channel;

import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.EventBudget;
import dev.basepoint.ipc.control.Requester;
import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.vmm.virtio.shadow.ShadowDevice;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The session with the present device server, if there is one, and whatever listens to that server.
 * Belongs to the control thread.
 */
final class ServerLink {
  private static final int EVENTS_BURST = 64;
  private static final long NANOS_PER_EVENT = TimeUnit.MILLISECONDS.toNanos(50);

  private final String name;
  private final Deadlines deadlines;
  private final DeviceState state;
  private DeviceSession session;
  private Listener listener;
  private EventLoop loop;
  private List<EventLoop.Registration> callRegistrations = List.of();

  ServerLink(String name, Deadlines deadlines, DeviceState state) {
    this.name = name;
    this.deadlines = deadlines;
    this.state = state;
  }

  /** The session, or null. */
  DeviceSession session() {
    return session;
  }

  /** Opens a session with the server at the other end of {@code channel}. */
  void open(Fd channel) throws IOException {
    listener = new Listener();
    session = DeviceSession.open(name, channel, deadlines, listener);
    listener.opened();
  }

  /** Brings the server's calls to {@code shadow}, on the I/O thread. */
  void watchCalls(EventLoop ioLoop, ShadowDevice shadow) {
    EventFd[] calls = session.calls();
    List<EventLoop.Registration> registrations = new ArrayList<>();
    loop = ioLoop;
    callRegistrations = registrations;
    loop.execute(
        () -> {
          for (int i = 0; i < calls.length; i++) {
            registrations.add(watchCall(i, calls[i], shadow));
          }
        });
  }

  private EventLoop.Registration watchCall(int index, EventFd call, ShadowDevice shadow) {
    try {
      return loop.watch(
          call.fd(),
          Epoll.EPOLLIN,
          _ -> {
            call.drain();
            shadow.onCall(index);
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Ends the session; what its server still says is ignored. */
  void close() {
    if (session == null) {
      return;
    }
    listener.retire();
    List<EventLoop.Registration> registrations = callRegistrations;
    callRegistrations = List.of();
    if (loop != null) {
      LoopTasks.runAndWait(loop, () -> registrations.forEach(EventLoop.Registration::cancel));
    }
    session.close();
    session = null;
  }

  /** Hears one server, on the thread that reads its channel. */
  private final class Listener implements Requester.Listener<DeviceEvent> {
    private final EventBudget budget =
        new EventBudget(EVENTS_BURST, NANOS_PER_EVENT, System.nanoTime());
    private boolean open;
    private boolean retired;
    private IOException closedEarly;

    /** From now on the channel's end is a failure; before, opening the session fails with it. */
    void opened() {
      state.lock().lock();
      try {
        open = true;
        if (closedEarly != null) {
          onClosed(closedEarly);
        }
      } finally {
        state.lock().unlock();
      }
    }

    void retire() {
      state.lock().lock();
      try {
        retired = true;
      } finally {
        state.lock().unlock();
      }
    }

    @Override
    public void onEvent(DeviceEvent event) {
      state.lock().lock();
      try {
        if (retired) {
          return;
        }
        if (!budget.take(System.nanoTime())) {
          state.serverFailed("sends events faster than anything can change");
          return;
        }
        switch (event) {
          case DeviceEvent.ConfigChanged(byte[] content) -> state.configChanged(content);
          case DeviceEvent.Broken(String reason) -> state.serverFailed("gave up: " + reason);
        }
      } finally {
        state.lock().unlock();
      }
    }

    @Override
    public void onClosed(IOException cause) {
      state.lock().lock();
      try {
        if (!open) {
          closedEarly = cause;
        } else if (!retired) {
          state.serverFailed(Reasons.of(cause));
        }
      } finally {
        state.lock().unlock();
      }
    }
  }
}
