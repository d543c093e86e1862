package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.vhostuser.BackEndDevice;
import dev.basepoint.ipc.vhostuser.RequestRefusedException;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeoutException;

/**
 * A device of ours behind a vhost-user session: turns rings in several regions of the front end's
 * memory into an activation like any other.
 */
final class VhostUserDevice implements BackEndDevice {
  private final QueueThread queueThread;
  private final DeviceEngine engine;
  private final VirtioDevice device;
  private final DeviceReply.Info info;

  /** Must be made before the queue thread starts. */
  VhostUserDevice(QueueThread queueThread, DeviceEngine engine, VirtioDevice device) {
    this.queueThread = queueThread;
    this.engine = engine;
    this.device = device;
    info = engine.describe();
  }

  @Override
  public long features() {
    return info.features();
  }

  @Override
  public int queueCount() {
    return info.queueCount();
  }

  @Override
  public int queueSizeMax() {
    return info.queueSizeMax();
  }

  @Override
  public byte[] config() throws IOException {
    return queueThread.call(device::config, DeviceControl.STEP_TIMEOUT);
  }

  @Override
  public boolean completesInOrder() {
    return device.completesInOrder();
  }

  @Override
  public void writeConfig(int offset, byte[] data) throws IOException {
    queueThread.call(
        () -> {
          engine.writeConfig(offset, data);
          return null;
        },
        DeviceControl.STEP_TIMEOUT);
  }

  @Override
  public void start(long features, GuestMemory memory, List<Vring> vrings) throws IOException {
    List<QueuePort> ports = new ArrayList<>();
    boolean opened = false;
    try {
      for (Vring vring : vrings) {
        ports.add(open(vring, features, memory));
      }
      opened = true;
    } finally {
      if (!opened) {
        ports.forEach(QueuePort::close);
      }
    }
    // The session unmaps the memory when it is done with it.
    OpenedWindow window =
        new OpenedWindow(new Activation(features, memory, info.queueCount(), ports), () -> {});
    try {
      queueThread.call(
          () -> {
            engine.attach(window);
            engine.run();
            return null;
          },
          DeviceControl.STEP_TIMEOUT);
    } catch (QueueThreadStuckException e) {
      throw e;
    } catch (IOException e) {
      throw new RequestRefusedException("the device cannot be activated: " + e.getMessage());
    }
  }

  private QueuePort open(Vring vring, long features, GuestMemory memory) throws IOException {
    int size = vring.addresses().queueSize();
    DeviceQueue queue =
        switch (DeviceQueue.open(
            memory, vring.addresses(), features, device.limits(size), vring.position())) {
          case DeviceQueue.Opened(DeviceQueue made) -> made;
          case DeviceQueue.Refused(RingAddresses.Refusal refusal, RingAddresses _) ->
              throw new RequestRefusedException("queue " + vring.index() + ": " + refusal);
        };
    EventFd kick = EventFd.own(vring.kick().duplicate());
    EventFd call = null;
    try {
      call = call(vring.call());
      return new QueuePort(
          vring.index(),
          queue,
          kick,
          call,
          engine.badChains(),
          engine,
          vring.reopened(),
          vring.inflight());
    } finally {
      if (vring.call() != null && call == null) {
        kick.close();
      }
    }
  }

  private static EventFd call(Fd fd) throws IOException {
    return fd == null ? null : EventFd.own(fd.duplicate());
  }

  @Override
  public int[] stop() throws IOException {
    CompletableFuture<Void> settled = queueThread.call(engine::settle, DeviceControl.STEP_TIMEOUT);
    try {
      QueueThread.await(settled, DeviceControl.SETTLE_TIMEOUT);
    } catch (TimeoutException e) {
      throw new RequestFailedException(
          RequestFailedException.Code.DEADLINE,
          "requests are still in flight after " + DeviceControl.SETTLE_TIMEOUT.toSeconds() + " s");
    }
    int[] next = new int[info.queueCount()];
    Arrays.fill(next, -1);
    queueThread.call(
        () -> {
          for (DeviceReply.Position position : engine.positions()) {
            next[position.index()] = position.nextAvail();
          }
          engine.halt();
          return null;
        },
        DeviceControl.STEP_TIMEOUT);
    return next;
  }

  @Override
  public void setCall(int index, Fd fd) throws IOException {
    EventFd call = call(fd);
    queueThread.call(
        () -> {
          engine.setCall(index, call);
          return null;
        },
        DeviceControl.STEP_TIMEOUT);
  }
}
