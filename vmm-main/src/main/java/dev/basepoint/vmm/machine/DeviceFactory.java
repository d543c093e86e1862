package dev.basepoint.vmm.machine;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionRequest.Attachment;
import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;

/** Makes the machine's devices out of the device channels that the launcher handed over. */
@FunctionalInterface
public interface DeviceFactory {
  /**
   * Plugs in one device per attachment, in order: device {@code i} gets its registers at {@link
   * GuestLayout#virtioGpa} and GSI {@link GuestLayout#VIRTIO_GSI} plus {@code i}.
   *
   * @param ioThread not started yet
   * @param attachments whose descriptors the devices own from now on
   * @param events takes what is to be reported, from any thread, without blocking
   * @throws IOException naming the device that could not be made
   */
  List<MachineDevice> attach(
      DeviceHost host,
      IoThread ioThread,
      List<Attachment> attachments,
      Consumer<SupervisionEvent> events)
      throws IOException;
}
