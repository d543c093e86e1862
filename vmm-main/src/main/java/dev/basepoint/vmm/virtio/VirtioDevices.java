package dev.basepoint.vmm.virtio;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.vmm.machine.DeviceHost;
import dev.basepoint.vmm.state.MachineState;
import dev.basepoint.vmm.state.SectionKind;
import dev.basepoint.vmm.virtio.channel.Deadlines;
import dev.basepoint.vmm.virtio.channel.DeviceController;
import dev.basepoint.vmm.virtio.shadow.DeviceProfile;
import dev.basepoint.vmm.virtio.shadow.Flow;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * All virtio devices of a machine.
 *
 * <pre>
 *   connect: asks all device servers at once what they are, and returns
 *   attach:  waits for their answers and plugs the devices in, before the vCPUs run
 * </pre>
 */
public final class VirtioDevices implements AutoCloseable {
  private final List<SupervisionRequest.Attachment> attachments;
  private final List<DeviceController> controllers = new ArrayList<>();
  private final List<GuestDevice> devices = new ArrayList<>();

  private VirtioDevices(List<SupervisionRequest.Attachment> attachments) {
    this.attachments = List.copyOf(attachments);
  }

  /**
   * Starts to talk to every device's server; the machine can be made meanwhile.
   *
   * @param events hears of device failures and driver errors, each on its device's own thread
   */
  public static VirtioDevices connect(
      List<SupervisionRequest.Attachment> attachments,
      Deadlines deadlines,
      Consumer<SupervisionEvent> events) {
    VirtioDevices devices = new VirtioDevices(attachments);
    for (SupervisionRequest.Attachment attachment : attachments) {
      DeviceController controller =
          new DeviceController(
              attachment.name(),
              DeviceProfile.of(attachment.kind()),
              attachment.channel(),
              deadlines,
              events);
      devices.controllers.add(controller);
      controller.start();
    }
    return devices;
  }

  /**
   * Plugs the devices into {@code host}, whose vCPUs do not run yet, in their order.
   *
   * @param loop the I/O thread's, running or not
   * @throws IOException if a device server does not say in time what it is; the message names it
   */
  public void attach(DeviceHost host, EventLoop loop) throws IOException {
    for (int i = 0; i < controllers.size(); i++) {
      devices.add(
          GuestDevice.plug(
              attachments.get(i),
              controllers.get(i),
              controllers.get(i).awaitIdentity(),
              host,
              MmioSlot.of(i),
              loop));
    }
  }

  /** Says what may pass between the guest and all servers from now on. */
  public void setFlow(Flow flow) {
    devices.forEach(device -> device.setFlow(flow));
  }

  /**
   * Saves all devices of a paused machine; they stay frozen until their flow is set.
   *
   * @throws IOException if one cannot be captured; the message names it and says why
   */
  public void saveTo(MachineState state, long deadlineNanos) throws IOException {
    for (GuestDevice device : devices) {
      device.freeze(deadlineNanos);
    }
    for (int i = 0; i < devices.size(); i++) {
      state.put(SectionKind.VIRTIO, i, SavedDeviceCodec.encode(devices.get(i).state()));
    }
  }

  /**
   * Makes the attached devices of a machine that has not run yet go on where they were saved, and
   * waits until their servers have followed. They stay frozen until their flow is set.
   *
   * @throws IOException if the saved machine has other devices, its state is damaged or a server
   *     does not follow; the message says which
   */
  public void restoreFrom(MachineState state, long deadlineNanos) throws IOException {
    if (state.has(SectionKind.VIRTIO, devices.size())
        || (!devices.isEmpty() && !state.has(SectionKind.VIRTIO, devices.size() - 1))) {
      throw new IOException(
          "the saved machine does not have " + devices.size() + " devices, as this one has");
    }
    for (int i = 0; i < devices.size(); i++) {
      restore(devices.get(i), state, i);
    }
    awaitServed(deadlineNanos);
  }

  private static void restore(GuestDevice device, MachineState state, int index)
      throws IOException {
    SavedDevice saved;
    try {
      saved = SavedDeviceCodec.decode(state.get(SectionKind.VIRTIO, index));
    } catch (IOException e) {
      throw new IOException("device " + device.name() + ": " + e.getMessage(), e);
    }
    device.restore(saved);
  }

  /**
   * Waits until all servers do what the guest wants of them.
   *
   * @throws IOException if one has failed, or not done it in time; the message names the device
   */
  public void awaitServed(long deadlineNanos) throws IOException {
    for (GuestDevice device : devices) {
      device.awaitServed(deadlineNanos);
    }
  }

  /** The device of that name, if there is one. */
  public Optional<GuestDevice> device(String name) {
    return devices.stream().filter(device -> device.name().equals(name)).findFirst();
  }

  /** The devices that were attached. */
  public List<GuestDevice> devices() {
    return List.copyOf(devices);
  }

  /** Where the guest finds each device. */
  public List<MmioSlot> slots() {
    return IntStream.range(0, attachments.size()).mapToObj(MmioSlot::of).toList();
  }

  /** Kernel parameters that announce all devices to Linux, separated by spaces. */
  public String kernelParameters() {
    return String.join(" ", slots().stream().map(MmioSlot::kernelParameter).toList());
  }

  /** Ends all conversations; call it once all vCPUs have stopped and before the I/O thread ends. */
  @Override
  public void close() {
    devices.forEach(GuestDevice::close);
    controllers.forEach(DeviceController::close);
  }
}
