package dev.basepoint.ipc.virtqueue;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.window.WindowLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class DriverQueueTest {
  private static final int SIZE = 8;
  private static final long EVENT_IDX = RingFeatures.VIRTIO_F_EVENT_IDX;

  private final WindowLayout layout = WindowLayout.compute(List.of(SIZE), 64 * 1024);
  private final long slots = layout.slotsOffset();
  private final RingAddresses addresses = layout.queues().getFirst();
  private final GuestMemory window = newWindow();
  private final DriverQueue driver = new DriverQueue(window, addresses, EVENT_IDX);

  private GuestMemory newWindow() {
    return GuestMemory.ofWindow(
        Arena.ofAuto().allocate(layout.totalBytes(), WindowLayout.PAGE_BYTES));
  }

  private static DeviceQueue device(GuestMemory window, RingAddresses addresses) {
    return switch (DeviceQueue.open(window, addresses, EVENT_IDX)) {
      case DeviceQueue.Opened(DeviceQueue queue) -> queue;
      case DeviceQueue.Refused refused -> throw new AssertionError(refused);
    };
  }

  private int submit(int readableBuffers, int writableBytes) {
    driver.begin();
    for (int i = 0; i < readableBuffers; i++) {
      assertTrue(driver.add(slots + 64L * i, 16, false));
    }
    if (writableBytes > 0) {
      assertTrue(driver.add(slots + 4096, writableBytes, true));
    }
    return driver.submit();
  }

  /** Writes what a device would, or should not. */
  private void use(int idx, long id, long length) {
    long entry = addresses.usedGpa() + VirtqUsed.RING_OFFSET + (idx - 1) % SIZE * 8L;
    window.writeU32(entry, (int) id);
    window.writeU32(entry + 4, (int) length);
    window.writeU16(addresses.usedGpa() + VirtqUsed.IDX_OFFSET, idx);
  }

  @Test
  void chainsReachTheDeviceAndComeBack() {
    DeviceQueue device = device(window, addresses);
    DescriptorChain chain = device.newChain();
    int id = submit(2, 100);
    assertEquals(PopResult.EMPTY, device.pop(chain));
    assertTrue(driver.isInFlight(id));
    assertTrue(driver.publish());
    assertFalse(driver.publish());
    assertEquals(PopResult.CHAIN, device.pop(chain));
    assertEquals(2, chain.readableCount());
    assertEquals(32, chain.readableBytes());
    assertEquals(100, chain.writableBytes());
    assertEquals(slots + 4096, chain.gpa(2));
    assertFalse(driver.hasUsed());
    assertFalse(driver.enableCalls());
    device.push(chain.headId(), 77);
    assertTrue(device.publish());
    assertTrue(driver.hasUsed());
    assertEquals(UsedResult.USED, driver.popUsed());
    assertEquals(id, driver.usedId());
    assertEquals(77, driver.usedLength());
    assertEquals(UsedResult.EMPTY, driver.popUsed());
    assertEquals(0, driver.inFlight());
    assertFalse(driver.isInFlight(id));
    assertEquals(SIZE, driver.freeDescriptors());
  }

  @Test
  void aFullTableIsAnAnswerAndADroppedChainGivesItsDescriptorsBack() {
    submit(5, 0);
    driver.begin();
    assertTrue(driver.add(slots, 1, false));
    assertTrue(driver.add(slots, 1, false));
    assertTrue(driver.add(slots, 1, true));
    assertFalse(driver.add(slots, 1, true));
    driver.begin();
    assertEquals(3, driver.freeDescriptors());
    assertEquals(1, driver.inFlight());
    assertThrows(IllegalStateException.class, driver::submit);
  }

  @Test
  void wrongBuffersAreTheCallersMistake() {
    driver.begin();
    assertThrows(IllegalArgumentException.class, () -> driver.add(slots, 0, false));
    assertThrows(
        IllegalArgumentException.class, () -> driver.add(layout.totalBytes() - 1, 2, false));
    assertTrue(driver.add(slots, 1, true));
    assertThrows(IllegalArgumentException.class, () -> driver.add(slots, 1, false));
    assertThrows(
        IllegalArgumentException.class,
        () -> new DriverQueue(window, new RingAddresses(8, 8, 0, 0), 0));
  }

  @Test
  void aDeviceThatReturnsTooMuchIsFound() {
    submit(1, 0);
    driver.publish();
    submit(1, 0); // not published, so the device cannot have it
    use(2, 0, 0);
    assertFault(UsedResult.USED_INDEX_JUMP);
  }

  @Test
  void aDeviceWhoseIndexGoesBackIsFound() {
    submit(1, 0);
    driver.publish();
    window.writeU16(addresses.usedGpa() + VirtqUsed.IDX_OFFSET, 0xffff);
    assertFault(UsedResult.USED_INDEX_JUMP);
  }

  @Test
  void aDeviceThatReturnsUnknownIdsIsFound() {
    submit(1, 0);
    driver.publish();
    use(1, SIZE, 0);
    assertFault(UsedResult.USED_ID_OUT_OF_RANGE);
    driver.abandonAll();
    submit(1, 0);
    driver.publish();
    use(1, 0xffff_ffffL, 0);
    assertFault(UsedResult.USED_ID_OUT_OF_RANGE);
  }

  @Test
  void aDeviceThatReturnsAChainTwiceOrBeforeItHasItIsFound() {
    int first = submit(2, 0);
    submit(1, 0);
    driver.publish();
    use(1, first, 0);
    assertEquals(UsedResult.USED, driver.popUsed());
    use(2, first, 0);
    assertFault(UsedResult.USED_ID_NOT_IN_FLIGHT);

    driver.abandonAll();
    submit(2, 0);
    driver.publish();
    int unpublished = submit(1, 0);
    use(1, unpublished, 0);
    assertFault(UsedResult.USED_ID_NOT_IN_FLIGHT);

    driver.abandonAll();
    first = submit(2, 0);
    driver.publish();
    use(1, first + 1, 0); // a descriptor in the middle of the chain
    assertFault(UsedResult.USED_ID_NOT_IN_FLIGHT);
  }

  @Test
  void aDeviceThatClaimsMoreBytesThanThereIsRoomIsFound() {
    int id = submit(1, 100);
    driver.publish();
    use(1, id, 101);
    assertFault(UsedResult.USED_LENGTH_TOO_LONG);
    assertEquals(id, driver.usedId());
    assertEquals(101, driver.usedLength());
  }

  private void assertFault(UsedResult fault) {
    int inFlight = driver.inFlight();
    assertEquals(fault, driver.popUsed());
    assertTrue(fault.isFault());
    assertEquals(fault, driver.popUsed(), "a broken ring stays broken");
    assertFalse(driver.hasUsed());
    assertEquals(inFlight, driver.inFlight(), "what was in flight still is");
  }

  @Test
  void everythingInFlightGoesToAFreshRingInOrder() {
    DeviceQueue device = device(window, addresses);
    DescriptorChain chain = device.newChain();
    int a = submit(1, 10);
    int b = submit(1, 0);
    int c = submit(2, 20);
    driver.publish();
    device.pop(chain);
    device.pop(chain);
    device.push(b, 0);
    device.publish();
    assertEquals(UsedResult.USED, driver.popUsed());
    int d = submit(1, 30);
    assertEquals(List.of(a, c, d), inFlight());
    // The device goes mad and dies.
    scribble(window.segment(0), 1);
    use(2, 0xdead, 0);
    assertTrue(driver.popUsed().isFault());

    GuestMemory fresh = newWindow();
    driver.republish(fresh, addresses);
    assertEquals(List.of(a, c, d), inFlight());
    DeviceQueue second = device(fresh, addresses);
    List<Integer> seen = new ArrayList<>();
    List<Long> writable = new ArrayList<>();
    while (second.pop(chain) == PopResult.CHAIN) {
      seen.add(chain.headId());
      writable.add(chain.writableBytes());
      second.push(chain.headId(), chain.writableBytes());
    }
    second.publish();
    assertEquals(List.of(a, c, d), seen);
    assertEquals(List.of(10L, 20L, 30L), writable);
    for (int id : seen) {
      assertEquals(UsedResult.USED, driver.popUsed());
      assertEquals(id, driver.usedId());
    }
    assertEquals(UsedResult.EMPTY, driver.popUsed());
    assertEquals(SIZE, driver.freeDescriptors());
  }

  @Test
  void theSameWindowCanBeCleanedAndUsedAgain() {
    int a = submit(1, 10);
    driver.publish();
    scribble(window.segment(0), 2);
    driver.republish(window, addresses);
    DeviceQueue device = device(window, addresses);
    DescriptorChain chain = device.newChain();
    assertEquals(PopResult.CHAIN, device.pop(chain));
    assertEquals(a, chain.headId());
    assertEquals(slots, chain.gpa(0));
    driver.abandonAll();
    assertEquals(0, driver.inFlight());
    assertEquals(-1, driver.oldestInFlight());
    assertEquals(SIZE, driver.freeDescriptors());
    assertEquals(PopResult.EMPTY, device(window, addresses).pop(chain));
  }

  private List<Integer> inFlight() {
    List<Integer> ids = new ArrayList<>();
    for (int id = driver.oldestInFlight(); id >= 0; id = driver.nextInFlight(id)) {
      ids.add(id);
    }
    return ids;
  }

  private static void scribble(MemorySegment segment, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (long at = 0; at + 8 <= segment.byteSize(); at += 8) {
      segment.set(ValueLayout.JAVA_LONG_UNALIGNED, at, random.nextLong());
    }
  }

  static LongStream seeds() {
    return LongStream.of(0x5eed, System.nanoTime());
  }

  /**
   * A device that does right and wrong at random, against a model of what is in flight: no false
   * completion is ever believed, no descriptor is lost, and after each fault the driver goes on
   * with a fresh ring.
   */
  @ParameterizedTest
  @MethodSource("seeds")
  void noFalseCompletionIsBelieved(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Map<Integer, Long> published = new HashMap<>();
    Map<Integer, Integer> descriptors = new HashMap<>();
    int usedIdx = 0;
    int faults = 0;
    int completions = 0;
    for (int step = 0; step < 500_000; step++) {
      String where = "seed " + seed + "L, step " + step;
      int buffers = 1 + random.nextInt(3);
      if (random.nextBoolean() && driver.freeDescriptors() >= buffers) {
        long writable = random.nextInt(200);
        driver.begin();
        for (int i = 1; i < buffers; i++) {
          assertTrue(driver.add(slots, 8, false));
        }
        assertTrue(driver.add(slots, (int) Math.max(1, writable), writable > 0), where);
        int id = driver.submit();
        assertEquals(null, published.put(id, writable), where);
        descriptors.put(id, buffers);
        driver.publish();
      }
      if (published.isEmpty()) {
        continue;
      }
      int honest = pick(published, random);
      long room = published.get(honest);
      UsedResult expected = UsedResult.USED;
      long id = honest;
      long length = random.nextLong(room + 1);
      int nextIdx = (usedIdx + 1) & 0xffff;
      switch (random.nextInt(12)) {
        case 0 -> {
          id = random.nextInt(SIZE);
          boolean known = published.containsKey((int) id);
          length = known ? Math.min(length, published.get((int) id)) : length;
          expected = known ? UsedResult.USED : UsedResult.USED_ID_NOT_IN_FLIGHT;
        }
        case 1 -> {
          id = SIZE + random.nextLong(0xffff_ffffL - SIZE);
          expected = UsedResult.USED_ID_OUT_OF_RANGE;
        }
        case 2 -> {
          length = room + 1 + random.nextLong(0xffff_ffffL - room);
          expected = UsedResult.USED_LENGTH_TOO_LONG;
        }
        case 3 -> {
          nextIdx = (usedIdx + published.size() + 1 + random.nextInt(0x8000)) & 0xffff;
          expected = UsedResult.USED_INDEX_JUMP;
        }
        default -> {}
      }
      if (random.nextInt(64) == 0) {
        scribble(window.segment(0).asSlice(0, addresses.usedGpa()), step);
      }
      long entry = addresses.usedGpa() + VirtqUsed.RING_OFFSET + usedIdx % SIZE * 8L;
      window.writeU32(entry, (int) id);
      window.writeU32(entry + 4, (int) length);
      window.writeU16(addresses.usedGpa() + VirtqUsed.IDX_OFFSET, nextIdx);
      UsedResult result = driver.popUsed();
      assertEquals(expected, result, where);
      if (result == UsedResult.USED) {
        assertEquals(id, driver.usedId(), where);
        assertEquals(length, driver.usedLength(), where);
        published.remove((int) id);
        descriptors.remove((int) id);
        usedIdx = nextIdx;
        completions++;
      } else {
        faults++;
        if (random.nextInt(4) == 0) {
          driver.abandonAll();
          published.clear();
          descriptors.clear();
        } else {
          driver.republish(window, addresses);
        }
        usedIdx = 0;
      }
      assertEquals(published.size(), driver.inFlight(), where);
      int held = descriptors.values().stream().mapToInt(Integer::intValue).sum();
      assertEquals(SIZE - held, driver.freeDescriptors(), where);
    }
    assertTrue(faults > 50_000, "faults: " + faults);
    assertTrue(completions > 50_000, "completions: " + completions);
  }

  private static int pick(Map<Integer, Long> published, SplittableRandom random) {
    int[] ids = published.keySet().stream().mapToInt(Integer::intValue).toArray();
    Arrays.sort(ids);
    return ids[random.nextInt(ids.length)];
  }
}
