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
import dev.basepoint.vmm.virtio.channel.BlkConfig;
import dev.basepoint.vmm.virtio.channel.ConfigRules;
import dev.basepoint.vmm.virtio.channel.DeviceController;
import dev.basepoint.vmm.virtio.channel.LoopTasks;
import dev.basepoint.vmm.virtio.mmio.ConfigSpace;
import dev.basepoint.vmm.virtio.mmio.DeviceActions;
import dev.basepoint.vmm.virtio.mmio.DriverSetup;
import dev.basepoint.vmm.virtio.mmio.MmioRegister;
import dev.basepoint.vmm.virtio.mmio.VirtioMmio;
import dev.basepoint.vmm.virtio.shadow.DeviceProfile;
import dev.basepoint.vmm.virtio.shadow.Flow;
import dev.basepoint.vmm.virtio.shadow.SavedQueue;
import dev.basepoint.vmm.virtio.shadow.ShadowDevice;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One virtio device of the guest: its registers, its shadow queues and the conversation with its
 * server, put together.
 */
public final class GuestDevice implements MachineDevice {
  private final String name;
  private final SupervisionRequest.Kind kind;
  private final VirtioMmio.Identity identity;
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
    this.kind = attachment.kind();
    this.identity = identity;
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

  /**
   * As {@link #replaceServer}, on a machine that does not run: the server may be in good health.
   *
   * @throws IOException if the new one does not serve the device in time; the message names it
   */
  public void swapServer(Fd channel, long deadlineNanos) throws IOException {
    controller.swapServer(channel);
    controller.awaitApplied(deadlineNanos);
  }

  /**
   * Waits until the server does all that the guest wants of it.
   *
   * @throws IOException if it has failed, or not done it in time; the message names the device
   */
  public void awaitServed(long deadlineNanos) throws IOException {
    controller.awaitApplied(deadlineNanos);
  }

  /**
   * Says what may pass between guest and server from now on. Waits for a bounded turn of the I/O
   * thread at most.
   */
  public void setFlow(Flow flow) {
    locked(() -> shadow.setFlow(flow));
    if (flow == Flow.OPEN) {
      loop.execute(shadow::serveAll);
    }
  }

  /**
   * Brings the device of a paused machine to where it can be saved: requests that always end have
   * ended, and from the return on nothing changes until the flow does.
   *
   * @throws IOException if it cannot be captured; the message names it and says why
   */
  public void freeze(long deadlineNanos) throws IOException {
    ReentrantLock lock = controller.state().lock();
    lock.lock();
    try {
      shadow.setFlow(Flow.SETTLING);
      controller.state().awaitApplied(deadlineNanos);
      shadow.awaitSettled(deadlineNanos);
      shadow.setFlow(Flow.FROZEN);
    } catch (IOException e) {
      throw new IOException("device " + name + " cannot be captured: " + e.getMessage(), e);
    } finally {
      lock.unlock();
    }
  }

  /** Everything of the device that is not its server's; only while it is frozen. */
  SavedDevice state() {
    ReentrantLock lock = controller.state().lock();
    lock.lock();
    try {
      return new SavedDevice(
          name,
          kind,
          identity,
          controller.state().config().bytes(),
          controller.state().config().generation(),
          transport.state(),
          shadow.savedQueues());
    } finally {
      lock.unlock();
    }
  }

  /**
   * Makes the device go on where it was saved, on a machine that has not run yet; it stays frozen.
   * {@link #awaitServed} tells whether its server has followed.
   *
   * @throws IOException if the saved device is another one or damaged; the message names it
   */
  void restore(SavedDevice saved) throws IOException {
    ReentrantLock lock = controller.state().lock();
    lock.lock();
    try {
      if (!saved.name().equals(name)
          || saved.kind() != kind
          || !saved.identity().equals(identity)) {
        throw new IOException(
            "the saved machine has here %s %s, %s; this one has %s %s, %s"
                .formatted(
                    saved.kind().wireName(),
                    saved.name(),
                    saved.identity(),
                    kind.wireName(),
                    name,
                    identity));
      }
      ConfigRules.check(
          DeviceProfile.of(kind), saved.config(), controller.state().config().bytes());
      shadow.setFlow(Flow.FROZEN);
      Optional<DriverSetup> wanted = transport.restore(saved.transport());
      restoreConfig(saved);
      if (wanted.isPresent()) {
        controller.state().activate(wanted.get(), checkedQueues(wanted.get(), saved.queues()));
      }
    } catch (IOException e) {
      throw new IOException("device " + name + ": " + e.getMessage(), e);
    } finally {
      lock.unlock();
    }
  }

  private void restoreConfig(SavedDevice saved) {
    ConfigSpace config = controller.state().config();
    byte[] present = config.bytes();
    config.restoreGeneration(saved.configGeneration());
    if (kind == SupervisionRequest.Kind.BLK
        && present.length > BlkConfig.WRITEBACK
        && present[BlkConfig.WRITEBACK] != saved.config()[BlkConfig.WRITEBACK]) {
      // The driver's choice, which a new server has to be told again.
      byte writeback = saved.config()[BlkConfig.WRITEBACK];
      config.write(BlkConfig.WRITEBACK, 1, writeback);
      controller
          .state()
          .writeConfig(new DeviceRequest.WriteConfig(BlkConfig.WRITEBACK, new byte[] {writeback}));
    } else if (!Arrays.equals(present, saved.config())) {
      config.replace(present);
      transport.notifyConfigChange();
    }
  }

  private static List<SavedQueue> checkedQueues(DriverSetup setup, List<SavedQueue> saved)
      throws IOException {
    if (saved.size() != setup.queues().size()) {
      throw new IOException(
          "%d queues were saved, %d are in use".formatted(saved.size(), setup.queues().size()));
    }
    for (int i = 0; i < saved.size(); i++) {
      DriverSetup.Queue queue = setup.queues().get(i);
      if (saved.get(i).index() != queue.index()) {
        throw new IOException("the saved queue " + queue.index() + " is missing");
      }
      saved.get(i).check(queue.addresses().queueSize());
    }
    return saved;
  }

  private void locked(Runnable action) {
    controller.state().lock().lock();
    try {
      action.run();
    } finally {
      controller.state().lock().unlock();
    }
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
