package dev.basepoint.vmm.virtio.shadow;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.memory.MemoryRegion;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.GuestDriver;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.MalformedChains;
import dev.basepoint.ipc.virtqueue.PopResult;
import dev.basepoint.ipc.virtqueue.QueueLimits;
import dev.basepoint.ipc.virtqueue.QueuePosition;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.virtqueue.RingFeatures;
import dev.basepoint.ipc.window.WindowLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A million hostile guest chains against the shadow queue. After each, guest RAM may differ from
 * before only in the writable buffers of chains that are valid, and in the used ring; after a reset
 * and now and then, a correct request is answered.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class ShadowQueuePropertyTest {
  private static final long FEATURES =
      RingFeatures.VIRTIO_F_INDIRECT_DESC | RingFeatures.VIRTIO_F_EVENT_IDX;
  private static final int QUEUE_SIZE = 32;
  private static final long HEAP_BYTES = 96 * 1024;
  private static final int STEPS_PER_SEED = 250_000;

  /** Room for whatever the chains ask for, so that nothing is held back. */
  private static final DeviceProfile ROOMY =
      new DeviceProfile(2, 256 << 10, 8 << 20, 0, false, true);

  /** So little room that requests wait for each other all the time. */
  private static final DeviceProfile TIGHT =
      new DeviceProfile(2, 12 << 10, 36 << 10, 1, false, true);

  /** Guest RAM in two regions with rings and heap in the first. */
  private record Guest(GuestMemory memory, RingAddresses rings, long heapGpa) {
    static Guest make(Arena arena) {
      WindowLayout layout = WindowLayout.compute(List.of(QUEUE_SIZE), HEAP_BYTES);
      long base = 0x10_0000;
      MemorySegment low = arena.allocate(layout.totalBytes(), 4096);
      MemorySegment high = arena.allocate(4096, 4096);
      RingAddresses at = layout.queues().getFirst();
      RingAddresses rings =
          new RingAddresses(
              QUEUE_SIZE, base + at.descGpa(), base + at.availGpa(), base + at.usedGpa());
      GuestMemory memory =
          new GuestMemory(
              List.of(
                  new MemoryRegion(base, low.byteSize(), low),
                  new MemoryRegion(0x1_0000_0000L, high.byteSize(), high)));
      return new Guest(memory, rings, base + layout.slotsOffset());
    }
  }

  @Test
  void touchesNothingButTheWritableBuffersOfValidChains() throws Exception {
    for (long seed : new long[] {1, 20_261_121, new SplittableRandom().nextLong()}) {
      run(seed, STEPS_PER_SEED, ROOMY, true);
    }
  }

  @Test
  void staysCorrectWhileRequestsWaitForRoom() throws Exception {
    for (long seed : new long[] {2, new SplittableRandom().nextLong()}) {
      run(seed, STEPS_PER_SEED, TIGHT, false);
    }
  }

  private static void run(long seed, int steps, DeviceProfile profile, boolean compare)
      throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      Guest guest = Guest.make(arena);
      MalformedChains chains =
          new MalformedChains(guest.memory, guest.rings, guest.heapGpa, HEAP_BYTES, seed);
      try (ShadowHarness shadow =
          new ShadowHarness(
              guest.memory, guest.rings, FEATURES, RingFeatures.VIRTIO_F_EVENT_IDX, 64, profile)) {
        Oracle oracle = new Oracle(guest, profile, arena);
        long position = 0;
        for (int step = 0; step < steps; step++) {
          chains.next();
          oracle.look((int) (position & 0xffff));
          shadow.settle();
          assertNull(shadow.serverFault(), chains::describe);
          boolean predictable = compare && !oracle.ringsAreWritable;
          if (predictable) {
            oracle.check(chains);
            assertEquals(oracle.sawFault, shadow.guestFault() != null, chains::describe);
          }
          if (shadow.guestFault() != null || !predictable) {
            chains.restart();
            shadow.restart();
            position = 0;
          } else {
            position += oracle.chainCount;
          }
          if (step % 10_000 == 0) {
            chains.restart();
            shadow.restart();
            position = 0;
            serveCorrectly(chains.handOver(FEATURES), shadow, chains);
            chains.restart();
            shadow.restart();
          }
        }
        assertTrue(
            shadow.counter("requests") > steps / 10, () -> shadow.counter("requests") + " served");
        if (!compare) {
          assertTrue(shadow.counter("windowFull") > 0);
        }
      }
    }
  }

  private static void serveCorrectly(
      GuestDriver driver, ShadowHarness shadow, MalformedChains chains) {
    for (int i = 0; i < 5; i++) {
      driver.submit(Buffer.readable((byte) 1, (byte) 2), Buffer.writable(100));
      driver.publish();
      shadow.settle();
      GuestDriver.Completion done = driver.poll().orElseThrow();
      assertEquals(100, done.usedLength(), chains::describe);
      for (byte b : done.written()) {
        assertEquals((byte) 0xdd, b, chains::describe);
      }
    }
  }

  /** Says beforehand, by a device queue of its own, which bytes a step may change. */
  private static final class Oracle {
    private final Guest guest;
    private final QueueLimits limits;
    private final MemorySegment low;
    private final MemorySegment high;
    private final MemorySegment before;
    private final MemorySegment highBefore;
    private final long[] starts = new long[QUEUE_SIZE * 64];
    private final long[] lengths = new long[QUEUE_SIZE * 64];
    private final int[] regions = new int[QUEUE_SIZE * 64];
    private int ranges;
    private int chainCount;
    private boolean sawFault;

    /** The device may write into the driver's rings: then anything may become available. */
    private boolean ringsAreWritable;

    Oracle(Guest guest, DeviceProfile profile, Arena arena) {
      this.guest = guest;
      limits = new QueueLimits(64, profile.chainBytesMax());
      low = guest.memory.segment(0);
      high = guest.memory.segment(1);
      before = arena.allocate(low.byteSize(), 4096);
      highBefore = arena.allocate(high.byteSize(), 4096);
    }

    void look(int position) {
      before.copyFrom(low);
      highBefore.copyFrom(high);
      ranges = 0;
      chainCount = 0;
      sawFault = false;
      ringsAreWritable = false;
      DeviceQueue queue =
          ((DeviceQueue.Opened)
                  DeviceQueue.open(
                      guest.memory,
                      guest.rings,
                      FEATURES,
                      limits,
                      new QueuePosition(position, position)))
              .queue();
      DescriptorChain chain = queue.newChain();
      PopResult result = queue.pop(chain);
      while (result == PopResult.CHAIN) {
        chainCount++;
        for (int i = chain.readableCount(); i < chain.count(); i++) {
          regions[ranges] = guest.memory.regionOf(chain.gpa(i), chain.length(i));
          starts[ranges] = chain.offset(i);
          lengths[ranges++] = chain.length(i);
          ringsAreWritable |= chain.gpa(i) < guest.rings.usedGpa();
        }
        result = queue.pop(chain);
      }
      sawFault = result != PopResult.EMPTY;
    }

    void check(MalformedChains chains) {
      long usedOffset = guest.rings.usedGpa() - guest.memory.baseGpa(0);
      MemorySegment.copy(low, usedOffset, before, usedOffset, 6 + 8L * QUEUE_SIZE);
      for (int i = 0; i < ranges; i++) {
        MemorySegment after = regions[i] == 0 ? low : high;
        MemorySegment expected = regions[i] == 0 ? before : highBefore;
        MemorySegment.copy(after, starts[i], expected, starts[i], lengths[i]);
      }
      assertEquals(-1, low.mismatch(before), chains::describe);
      assertEquals(-1, high.mismatch(highBefore), chains::describe);
    }
  }

  /** Descriptors that change between our look and the next: nothing may depend on a second look. */
  @Test
  void readsEverythingOnce() throws Exception {
    try (Arena arena = Arena.ofShared()) {
      Guest guest = Guest.make(arena);
      MalformedChains chains =
          new MalformedChains(guest.memory, guest.rings, guest.heapGpa, HEAP_BYTES, 9);
      AtomicBoolean stop = new AtomicBoolean();
      Thread scribbler = Thread.ofPlatform().start(() -> chains.scribble(stop));
      try (ShadowHarness shadow =
          new ShadowHarness(guest.memory, guest.rings, FEATURES, 0, 64, ROOMY)) {
        for (int step = 0; step < 100_000; step++) {
          chains.next();
          shadow.settle();
          assertNull(shadow.serverFault(), chains::describe);
          if (shadow.guestFault() != null) {
            chains.restart();
            shadow.restart();
          }
        }
      } finally {
        stop.set(true);
        scribbler.join();
      }
    }
  }
}
