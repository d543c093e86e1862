package dev.basepoint.vmm.virtio.mmio;

import dev.basepoint.ipc.virtqueue.RingAddresses;
import java.util.List;

/**
 * All registers of a virtio-mmio device that have a memory. Read from a file it may hold anything:
 * {@link VirtioMmio#restore} judges it.
 */
public record TransportState(
    int status,
    int interruptStatus,
    int deviceFeaturesSel,
    int driverFeaturesSel,
    int queueSel,
    long driverFeatures,
    boolean unknownFeatures,
    List<Queue> queues) {
  /** What the driver has told of one virtqueue; unchecked unless it is ready. */
  public record Queue(boolean ready, RingAddresses addresses) {}

  public TransportState {
    queues = List.copyOf(queues);
  }
}
