package dev.basepoint.vmm.virtio;

import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.vmm.machine.DeviceHost;
import dev.basepoint.vmm.machine.MachineDevice;
import dev.basepoint.vmm.virtio.channel.DeviceController;
import dev.basepoint.vmm.virtio.channel.LoopTasks;
import dev.basepoint.vmm.virtio.mmio.DeviceActions;
import dev.basepoint.vmm.virtio.mmio.DriverSetup;
import dev.basepoint.vmm.virtio.mmio.MmioRegister;
import dev.basepoint.vmm.virtio.mmio.VirtioMmio;
import dev.basepoint.vmm.virtio.shadow.DeviceProfile;
import dev.basepoint.vmm.virtio.shadow.ShadowDevice;
import java.util.ArrayList;
import java.util.List;

/**
 * One virtio device of the guest: its registers, its shadow queues and the conversation with its
 * server, put together.
 */
public final class GuestDevice implements MachineDevice {
  private final String name;
  private final WritableConfig writableConfig;
  private final DeviceController controller;
  private final EventLoop loop;
  private final ShadowDevice shadow;
  private final VirtioMmio transport;
  private final EventFd[] kicks;
  private final List<EventLoop.Registration> kickRegistrations = new ArrayList<>();

  private GuestDevice(
      SupervisionRequest.Attachment attachment,
      DeviceController controller,
      VirtioMmio.Identity identity,
      DeviceHost host,
      MmioSlot slot,
      EventLoop loop)
      throws ErrnoException {
    this.name = attachment.name();
    this.writableConfig = WritableConfig.of(attachment.kind());
    this.controller = controller;
    this.loop = loop;
    shadow =
        new ShadowDevice(
            controller.state().lock(),
            host.memory(),
            DeviceProfile.of(attachment.kind()),
            identity.queueCount(),
            controller.state().counters(),
            new ShadowEvents());
    transport =
        new VirtioMmio(
            identity,
            controller.state().config(),
            host.memory(),
            host.interruptLine(slot.gsi()),
            controller.state().lock(),
            new GuestActions());
    kicks = new EventFd[identity.queueCount()];
    for (int i = 0; i < kicks.length; i++) {
      kicks[i] = EventFd.create();
    }
  }

  /** Plugs a device whose server has said what it is into a machine that does not run yet. */
  static GuestDevice plug(
      SupervisionRequest.Attachment attachment,
      DeviceController controller,
      VirtioMmio.Identity identity,
      DeviceHost host,
      MmioSlot slot,
      EventLoop loop)
      throws ErrnoException {
    GuestDevice device = new GuestDevice(attachment, controller, identity, host, slot, loop);
    loop.execute(device::watchKicks);
    controller.bind(device.transport, device.shadow, loop);
    host.addMmioDevice(slot.baseGpa(), MmioRegister.RANGE_BYTES, device.transport);
    for (int i = 0; i < device.kicks.length; i++) {
      host.addIoeventfd(
          slot.baseGpa() + MmioRegister.QUEUE_NOTIFY,
          MmioRegister.REGISTER_BYTES,
          i,
          device.kicks[i]);
    }
    return device;
  }

  private void watchKicks() {
    for (int i = 0; i < kicks.length; i++) {
      int index = i;
      try {
        kickRegistrations.add(
            loop.watch(
                kicks[i].fd(),
                Epoll.EPOLLIN,
                _ -> {
                  kicks[index].drain();
                  shadow.onKick(index);
                }));
      } catch (ErrnoException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
    loop.addPoller(shadow);
  }

  @Override
  public String name() {
    return name;
  }

  /**
   * Gives the device another server in place of one that has failed.
   *
   * @param channel vmm-main's end of its device channel, owned from now on
   */
  public void replaceServer(Fd channel) {
    controller.replaceServer(channel);
  }

  @Override
  public SupervisionReply.Group counters() {
    controller.state().lock().lock();
    try {
      return new SupervisionReply.Group(name, controller.state().counters().values());
    } finally {
      controller.state().lock().unlock();
    }
  }

  @Override
  public void close() {
    controller.close();
    LoopTasks.runAndWait(
        loop,
        () -> {
          kickRegistrations.forEach(EventLoop.Registration::cancel);
          loop.removePoller(shadow);
        });
    for (EventFd kick : kicks) {
      kick.close();
    }
  }

  private final class GuestActions implements DeviceActions {
    @Override
    public void activate(DriverSetup setup) {
      controller.state().activate(setup);
    }

    @Override
    public void reset() {
      controller.state().reset();
    }

    @Override
    public void stopQueue(int index) {
      controller.state().stopQueue(index);
    }

    @Override
    public void kick(int index) {
      kicks[index].signal();
    }

    @Override
    public boolean writeConfig(int offset, byte[] data, long features) {
      return writableConfig.accepts(offset, data, features)
          && controller.state().writeConfig(new DeviceRequest.WriteConfig(offset, data));
    }

    @Override
    public void driverError(String what) {
      controller.state().driverError(what);
    }
  }

  private final class ShadowEvents implements ShadowDevice.Listener {
    @Override
    public void onUsedBuffers() {
      transport.notifyUsedBuffer();
    }

    @Override
    public void onGuestFault(String what) {
      controller.state().driverError(what);
      transport.needsReset();
    }

    @Override
    public void onServerFault(String what) {
      controller.state().serverFailed(what);
    }
  }
}
