package dev.basepoint.vmm.virtio;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.vmm.machine.DeviceHost;
import dev.basepoint.vmm.virtio.channel.Deadlines;
import dev.basepoint.vmm.virtio.channel.DeviceController;
import dev.basepoint.vmm.virtio.shadow.DeviceProfile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
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
