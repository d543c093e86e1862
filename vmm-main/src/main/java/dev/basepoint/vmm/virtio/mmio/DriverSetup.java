package dev.basepoint.vmm.virtio.mmio;

import dev.basepoint.ipc.virtqueue.RingAddresses;
import java.util.List;

/**
 * What a driver has negotiated when it sets DRIVER_OK.
 *
 * @param features the features it accepted, all of them offered
 * @param queues those it made ready, by ascending index
 */
public record DriverSetup(long features, List<Queue> queues) {
  /** One virtqueue in guest RAM, checked to lie there. */
  public record Queue(int index, RingAddresses addresses) {}

  public DriverSetup {
    queues = List.copyOf(queues);
  }
}
