package dev.basepoint.vmm.virtio;

import dev.basepoint.ipc.control.SupervisionRequest.Kind;
import dev.basepoint.vmm.virtio.mmio.TransportState;
import dev.basepoint.vmm.virtio.mmio.VirtioMmio;
import dev.basepoint.vmm.virtio.shadow.SavedQueue;
import java.util.List;

/**
 * A virtio device as it was saved: what it was to the guest, its registers and its queues.
 *
 * @param config the configuration space as the driver knows it
 * @param queues those that were served, by ascending index
 */
record SavedDevice(
    String name,
    Kind kind,
    VirtioMmio.Identity identity,
    byte[] config,
    int configGeneration,
    TransportState transport,
    List<SavedQueue> queues) {
  SavedDevice {
    queues = List.copyOf(queues);
  }
}
