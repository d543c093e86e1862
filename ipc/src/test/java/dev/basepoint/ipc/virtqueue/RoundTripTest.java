package dev.basepoint.ipc.virtqueue;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests between a guest written from the specification and the device side. */
class RoundTripTest {
  private static final long ALL =
      RingFeatures.VIRTIO_F_EVENT_IDX | RingFeatures.VIRTIO_F_INDIRECT_DESC;

  @ParameterizedTest
  @ValueSource(longs = {RingFeatures.VIRTIO_F_INDIRECT_DESC, ALL})
  void requestsComeBackAnsweredThroughManyWraps(long features) {
    try (GuestDriver guest = new GuestDriver(8, features, 4L << 30, 1 << 20)) {
      DeviceQueue queue = guest.openDeviceQueue(features);
      DescriptorChain chain = queue.newChain();
      for (int i = 0; i < 70_000; i++) {
        byte[] out = {(byte) i, (byte) (i >> 8), 3};
        Buffer[] buffers = {
          Buffer.readable(out[0]),
          Buffer.readable(out[1], out[2]),
          Buffer.writable(2),
          Buffer.writable(2)
        };
        int id = i % 2 == 0 ? guest.submit(buffers) : guest.submitIndirect(buffers);
        assertTrue(guest.publish());

        assertTrue(queue.hasPending());
        assertEquals(PopResult.CHAIN, queue.pop(chain));
        assertEquals(id, chain.headId());
        assertEquals(3, chain.readableBytes());
        assertEquals(4, chain.writableBytes());
        assertEquals(2, chain.readableCount());
        byte[] in = new byte[8];
        assertEquals(3, chain.copyFromReadable(0, MemorySegment.ofArray(in), 1, 8));
        assertEquals(3, chain.copyToWritable(1, MemorySegment.ofArray(in), 1, 3));
        assertTrue(chain.putWritable(0, 42));
        assertFalse(chain.putWritable(4, 42));
        queue.push(id, 4);
        assertTrue(queue.publish());
        assertFalse(queue.hasPending());
        assertEquals(PopResult.EMPTY, queue.pop(chain));
        assertFalse(queue.enableKicks());

        Completion done = guest.poll().orElseThrow();
        assertEquals(id, done.id());
        assertEquals(4, done.usedLength());
        assertArrayEquals(new byte[] {42, out[0], out[1], 3}, done.written());
        assertFalse(guest.enableCalls());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {RingFeatures.VIRTIO_F_INDIRECT_DESC, ALL})
  void aBatchIsSeenAtOnceAndMayBeReturnedInAnyOrder(long features) {
    try (GuestDriver guest = new GuestDriver(8, features)) {
      DeviceQueue queue = guest.openDeviceQueue(features);
      DescriptorChain chain = queue.newChain();
      for (int i = 0; i < 8; i++) {
        guest.submit(Buffer.writable(1));
      }
      assertEquals(PopResult.EMPTY, queue.pop(chain));
      assertTrue(guest.publish());
      int[] ids = new int[8];
      for (int i = 0; i < 8; i++) {
        assertEquals(PopResult.CHAIN, queue.pop(chain));
        ids[i] = chain.headId();
      }
      assertEquals(8, queue.inFlight());
      for (int i = 7; i >= 0; i--) {
        queue.push(ids[i], 1);
      }
      assertEquals(Optional.empty(), guest.poll());
      assertEquals(new QueuePosition(8, 0), queue.position());
      assertTrue(queue.publish());
      assertEquals(new QueuePosition(8, 8), queue.position());
      for (int i = 7; i >= 0; i--) {
        assertEquals(ids[i], guest.poll().orElseThrow().id());
      }
      assertThrows(IllegalArgumentException.class, () -> queue.push(ids[0], 0));
    }
  }
}
