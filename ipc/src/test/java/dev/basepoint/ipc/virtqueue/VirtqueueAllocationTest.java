package dev.basepoint.ipc.virtqueue;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** Requests allocate nothing: a garbage collection would show in every device's latency. */
class VirtqueueAllocationTest {
  @Test
  void aRequestAllocatesNothingOnEitherSide() {
    VirtqueueBench bench = new VirtqueueBench(RingFeatures.VIRTIO_F_EVENT_IDX);
    bench.roundTripsWithSlots(20_000, 8);
    // A few hundred bytes may come from the measurement; a byte per request would be 400,000.
    VirtqueueBench.Cost cost = bench.roundTripsWithSlots(50_000, 8);
    assertTrue(cost.allocatedBytes() < 0.01, cost::toString);
  }
}
