package dev.basepoint.ipc.virtqueue;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.RingAddresses.Refusal;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class DeviceQueueTest {
  private static final long EVENT_IDX = RingFeatures.VIRTIO_F_EVENT_IDX;

  private final GuestMemory memory = GuestMemory.ofWindow(Arena.ofAuto().allocate(0x10000, 4096));

  @Test
  void ringsOutsideMemoryOrMisalignedAreRefused() {
    assertRefused(Refusal.BAD_QUEUE_SIZE, new RingAddresses(0, 0, 0x1000, 0x2000));
    assertRefused(Refusal.BAD_QUEUE_SIZE, new RingAddresses(-8, 0, 0x1000, 0x2000));
    assertRefused(Refusal.BAD_QUEUE_SIZE, new RingAddresses(12, 0, 0x1000, 0x2000));
    assertRefused(Refusal.BAD_QUEUE_SIZE, new RingAddresses(65536, 0, 0x1000, 0x2000));
    assertRefused(Refusal.DESC_MISALIGNED, new RingAddresses(8, 8, 0x1000, 0x2000));
    assertRefused(Refusal.AVAIL_MISALIGNED, new RingAddresses(8, 0, 0x1001, 0x2000));
    assertRefused(Refusal.USED_MISALIGNED, new RingAddresses(8, 0, 0x1000, 0x2002));
    assertRefused(Refusal.DESC_OUT_OF_RANGE, new RingAddresses(8, 0xff90, 0x1000, 0x2000));
    assertRefused(Refusal.DESC_OUT_OF_RANGE, new RingAddresses(8, -16, 0x1000, 0x2000));
    assertRefused(Refusal.AVAIL_OUT_OF_RANGE, new RingAddresses(8, 0, 0xffec, 0x2000));
    assertRefused(Refusal.USED_OUT_OF_RANGE, new RingAddresses(8, 0, 0x1000, 0xffbc));
    assertEquals(Optional.empty(), new RingAddresses(8, 0xff80, 0x1000, 0x2000).refusal(memory));
    assertEquals(Optional.empty(), new RingAddresses(8, 0, 0xffea, 0x2000).refusal(memory));
    assertEquals(Optional.empty(), new RingAddresses(8, 0, 0x1000, 0xffb8).refusal(memory));
  }

  @Test
  void aMappingThatIsLessAlignedThanItsAddressesIsRefused() {
    MemorySegment odd = Arena.ofAuto().allocate(0x10000, 4096).asSlice(2);
    assertEquals(
        Optional.of(Refusal.DESC_MISALIGNED),
        new RingAddresses(8, 0, 0x1000, 0x2000).refusal(GuestMemory.ofWindow(odd)));
  }

  private void assertRefused(Refusal refusal, RingAddresses addresses) {
    assertEquals(
        new DeviceQueue.Refused(refusal, addresses), DeviceQueue.open(memory, addresses, 0));
  }

  @Test
  void aChainPutBackIsPoppedAgain() {
    try (GuestDriver guest = new GuestDriver(4, EVENT_IDX)) {
      DeviceQueue queue = guest.openDeviceQueue(EVENT_IDX);
      DescriptorChain chain = queue.newChain();
      int first = guest.submit(Buffer.writable(1));
      int second = guest.submit(Buffer.writable(2));
      guest.publish();
      assertEquals(PopResult.CHAIN, queue.pop(chain));
      assertThrows(IllegalArgumentException.class, () -> queue.unpop(second));
      assertEquals(PopResult.CHAIN, queue.pop(chain));
      assertEquals(PopResult.EMPTY, queue.pop(chain));
      assertThrows(IllegalArgumentException.class, () -> queue.unpop(first));
      queue.unpop(second);
      queue.unpop(first);
      assertThrows(IllegalArgumentException.class, () -> queue.unpop(first));
      assertEquals(0, queue.inFlight());
      assertEquals(QueuePosition.START, queue.position());
      assertTrue(queue.hasPending());
      assertTrue(queue.enableKicks());

      assertEquals(PopResult.CHAIN, queue.pop(chain));
      assertEquals(first, chain.headId());
      assertEquals(PopResult.CHAIN, queue.pop(chain));
      assertEquals(second, chain.headId());
      queue.push(first, 1);
      queue.push(second, 2);
      queue.publish();
      assertEquals(first, guest.poll().orElseThrow().id());
      assertEquals(second, guest.poll().orElseThrow().id());
    }
  }

  @Test
  void aSecondQueueGoesOnAtThePositionOfTheFirst() {
    try (GuestDriver guest = new GuestDriver(8, EVENT_IDX)) {
      DeviceQueue before = guest.openDeviceQueue(EVENT_IDX);
      DescriptorChain chain = before.newChain();
      int[] ids = new int[3];
      for (int i = 0; i < 3; i++) {
        ids[i] = guest.submit(Buffer.readable((byte) i), Buffer.writable(i + 1));
        guest.publish();
        if (i < 2) {
          assertEquals(PopResult.CHAIN, before.pop(chain));
        }
      }
      before.push(ids[1], 0);
      before.publish();
      QueuePosition position = before.position();
      assertEquals(new QueuePosition(2, 1), position);
      assertEquals(1, position.inFlight());

      DeviceQueue after = open(guest, position);
      assertEquals(1, after.inFlight());
      assertThrows(IllegalArgumentException.class, () -> after.reopen(8, chain));
      assertEquals(PopResult.CHAIN, after.reopen(ids[0], chain));
      assertEquals(ids[0], chain.headId());
      assertEquals(1, chain.writableBytes());
      assertThrows(IllegalArgumentException.class, () -> after.reopen(ids[0], chain));
      assertThrows(IllegalArgumentException.class, () -> after.reopen(ids[2], chain));
      assertEquals(PopResult.CHAIN, after.pop(chain));
      assertEquals(ids[2], chain.headId());
      after.push(ids[2], 3);
      after.push(ids[0], 1);
      assertFalse(after.publish(), "the guest was told and has not asked again");
      List<Integer> returned = new ArrayList<>();
      guest.poll().ifPresent(done -> returned.add(done.id()));
      guest.poll().ifPresent(done -> returned.add(done.id()));
      guest.poll().ifPresent(done -> returned.add(done.id()));
      assertEquals(List.of(ids[1], ids[2], ids[0]), returned);
    }
  }

  private static DeviceQueue open(GuestDriver guest, QueuePosition position) {
    return switch (DeviceQueue.open(
        guest.memory(),
        guest.addresses(),
        EVENT_IDX,
        QueueLimits.ofSpecification(guest.addresses().queueSize()),
        position)) {
      case DeviceQueue.Opened(DeviceQueue queue) -> queue;
      case DeviceQueue.Refused refused -> throw new AssertionError(refused);
    };
  }

  @Test
  void notificationsFollowTheFlagsWithoutEventIdx() {
    try (GuestDriver guest = new GuestDriver(4, 0)) {
      DeviceQueue queue = guest.openDeviceQueue(0);
      DescriptorChain chain = queue.newChain();
      queue.disableKicks();
      int id = guest.submit(Buffer.writable(1));
      assertFalse(guest.publish());
      assertTrue(queue.enableKicks());
      assertEquals(PopResult.CHAIN, queue.pop(chain));
      guest.memory().writeU16(guest.addresses().availGpa(), VirtqAvail.VIRTQ_AVAIL_F_NO_INTERRUPT);
      queue.push(id, 0);
      assertFalse(queue.publish());
      assertFalse(queue.publish(), "nothing new is no reason for a call");
      assertTrue(guest.enableCalls());
      assertTrue(guest.poll().isPresent());
      guest.submit(Buffer.writable(1));
      assertTrue(guest.publish());
    }
  }

  @Test
  void notificationsFollowTheEventsWithEventIdx() {
    try (GuestDriver guest = new GuestDriver(8, EVENT_IDX)) {
      DeviceQueue queue = guest.openDeviceQueue(EVENT_IDX);
      DescriptorChain chain = queue.newChain();
      for (int i = 0; i < 4; i++) {
        guest.submit(Buffer.writable(1));
        assertEquals(i == 0, guest.publish(), "only the event at index 0 is passed");
      }
      int[] ids = new int[4];
      for (int i = 0; i < 4; i++) {
        queue.pop(chain);
        ids[i] = chain.headId();
      }
      // The guest asks for a call when its third chain comes back.
      guest.memory().writeU16(guest.addresses().availGpa() + VirtqAvail.usedEventOffset(8), 2);
      queue.push(ids[0], 0);
      queue.push(ids[1], 0);
      assertFalse(queue.publish());
      queue.push(ids[2], 0);
      queue.push(ids[3], 0);
      assertTrue(queue.publish());
      queue.enableKicks();
      guest.submit(Buffer.writable(1));
      assertTrue(guest.publish());
    }
  }

  @Test
  void bytePositionsIgnoreTheDivisionIntoDescriptors() {
    try (GuestDriver guest = new GuestDriver(8, 0)) {
      DeviceQueue queue = guest.openDeviceQueue(0);
      DescriptorChain chain = queue.newChain();
      guest.submit(
          Buffer.readable((byte) 1, (byte) 2),
          Buffer.readable((byte) 3),
          Buffer.readable((byte) 4, (byte) 5, (byte) 6),
          Buffer.writable(2),
          Buffer.writable(3));
      guest.publish();
      queue.pop(chain);
      byte[] read = new byte[4];
      assertEquals(4, chain.copyFromReadable(1, MemorySegment.ofArray(read), 0, 4));
      assertArrayEquals(new byte[] {2, 3, 4, 5}, read);
      assertEquals(1, chain.copyFromReadable(5, MemorySegment.ofArray(read), 3, 1));
      assertArrayEquals(new byte[] {2, 3, 4, 6}, read);
      assertEquals(0, chain.copyFromReadable(6, MemorySegment.ofArray(read), 0, 4));

      List<Long> lengths = new ArrayList<>();
      assertEquals(5, chain.readableRanges(1, 100, (memory, offset, n) -> lengths.add(n)));
      assertEquals(List.of(1L, 1L, 3L), lengths);
      lengths.clear();
      assertEquals(3, chain.writableRanges(1, 3, (memory, offset, n) -> lengths.add(n)));
      assertEquals(List.of(1L, 2L), lengths);

      assertEquals(4, chain.copyToWritable(0, MemorySegment.ofArray(read), 0, 4));
      assertTrue(chain.putWritable(4, 9));
      assertThrows(IllegalArgumentException.class, () -> queue.push(chain.headId(), 6));
      queue.push(chain.headId(), 5);
      queue.publish();
      assertArrayEquals(new byte[] {2, 3, 4, 6, 9}, guest.poll().orElseThrow().written());
    }
  }

  @Test
  void noMoreChainsAreTakenThanTheQueueCanHold() {
    for (int ahead : new int[] {1, 0xffff}) {
      try (GuestDriver guest = new GuestDriver(4, 0)) {
        DeviceQueue queue = guest.openDeviceQueue(0);
        DescriptorChain chain = queue.newChain();
        for (int i = 0; i < 4; i++) {
          guest.submit(Buffer.writable(1));
        }
        guest.publish();
        for (int i = 0; i < 4; i++) {
          assertEquals(PopResult.CHAIN, queue.pop(chain));
        }
        // All four are in flight: neither a fifth chain nor a step back is possible.
        long idx = guest.addresses().availGpa() + VirtqAvail.IDX_OFFSET;
        guest.memory().writeU16(idx, 4 + ahead);
        assertTrue(queue.hasPending());
        assertEquals(PopResult.AVAIL_INDEX_JUMP, queue.pop(chain));
      }
    }
  }

  @Test
  void aChainThatDoesNotFitTheCallersObjectIsTooLong() {
    try (GuestDriver guest = new GuestDriver(8, 0)) {
      DeviceQueue queue = guest.openDeviceQueue(0);
      int id = guest.submit(Buffer.readable((byte) 1), Buffer.writable(1));
      guest.publish();
      DescriptorChain small = new DescriptorChain(1);
      assertEquals(PopResult.TOO_MANY_DESCRIPTORS, queue.pop(small));
      assertEquals(id, small.headId());
      assertEquals(0, small.count());
      assertThrows(IllegalArgumentException.class, () -> queue.push(id, 1));
      queue.push(id, 0);
      queue.publish();
      assertEquals(0, guest.poll().orElseThrow().usedLength());
    }
  }
}
