package dev.basepoint.ipc.window;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.GuestDriver;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.PopResult;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SlotPlacementTest {
  private static final int PAGE = SlotAllocator.PAGE_BYTES;

  private final GuestDriver guest = new GuestDriver(32, 0);
  private final DeviceQueue queue = guest.openDeviceQueue(0);
  private final DescriptorChain chain = queue.newChain();
  private final SlotAllocator allocator = new SlotAllocator(0, 256L * PAGE);
  private final SlotPlacement placement = new SlotPlacement(32);

  @AfterEach
  void close() {
    guest.close();
  }

  private SlotPlacement.Result place(int... lengths) {
    Buffer[] buffers = new Buffer[lengths.length];
    for (int i = 0; i < lengths.length; i++) {
      buffers[i] = Buffer.writable(lengths[i]);
    }
    guest.submit(buffers);
    guest.publish();
    assertEquals(PopResult.CHAIN, queue.pop(chain));
    SlotPlacement.Result result = placement.place(allocator, chain);
    queue.push(chain.headId(), 0);
    queue.publish();
    assertTrue(guest.poll().isPresent());
    return result;
  }

  @Test
  void pagesAreAlignedAndContiguousWhileSmallPartsShareAPage() {
    assertEquals(SlotPlacement.Result.PLACED, place(16, PAGE, 2 * PAGE, 1));
    assertEquals(0, placement.offset(1) % PAGE);
    assertEquals(placement.offset(1) + PAGE, placement.offset(2));
    assertEquals(placement.offset(0) + 64, placement.offset(3));
    assertEquals(3L * PAGE + 128, allocator.allocatedBytes());
    placement.release(allocator);
    assertEquals(0, allocator.allocatedBytes());
  }

  @Test
  void sectorsAreAlignedAndContiguous() {
    assertEquals(SlotPlacement.Result.PLACED, place(16, 1024, 3072, 512, 1));
    assertEquals(0, placement.offset(1) % 512);
    assertEquals(placement.offset(1) + 1024, placement.offset(2));
    assertEquals(placement.offset(2) + 3072, placement.offset(3));
    placement.release(allocator);
  }

  @Test
  void aSingleSectorTakesNoWholePage() {
    assertEquals(SlotPlacement.Result.PLACED, place(16, 512, 1));
    assertEquals(0, placement.offset(1) % 512);
    assertEquals(512 + 128, allocator.allocatedBytes());
    placement.release(allocator);
  }

  @Test
  void aFullWindowPlacesNothingAtAll() {
    long extent = allocator.allocate(255L * PAGE, PAGE);
    // The page fits, the header does not any more.
    assertEquals(SlotPlacement.Result.FULL, place(16, PAGE, 1));
    assertEquals(255L * PAGE, allocator.allocatedBytes());
    assertEquals(SlotPlacement.Result.FULL, place(2 * PAGE));
    allocator.free(extent, 255L * PAGE);
    assertEquals(SlotPlacement.Result.PLACED, place(16, PAGE, 1));
    assertThrows(IllegalStateException.class, () -> placement.place(allocator, chain));
    placement.release(allocator);
  }

  @Test
  void whatCanNeverFitIsToldApart() {
    assertEquals(SlotPlacement.Result.TOO_LARGE, place(257 * PAGE));
    assertEquals(SlotPlacement.Result.TOO_LARGE, place(16, 256 * PAGE));
    assertEquals(SlotPlacement.Result.PLACED, place(256 * PAGE));
    placement.release(allocator);
  }

  @Test
  void segmentsOfARequestNeverOverlap() {
    SplittableRandom random = new SplittableRandom(7);
    for (int round = 0; round < 5_000; round++) {
      int[] lengths = new int[1 + random.nextInt(16)];
      for (int i = 0; i < lengths.length; i++) {
        lengths[i] =
            switch (random.nextInt(4)) {
              case 0 -> 1 + random.nextInt(100);
              case 1 -> 512 * (1 + random.nextInt(8));
              case 2 -> PAGE * (1 + random.nextInt(4));
              default -> 1 + random.nextInt(5000);
            };
      }
      assertEquals(SlotPlacement.Result.PLACED, place(lengths));
      List<long[]> ranges = new ArrayList<>();
      for (int i = 0; i < lengths.length; i++) {
        ranges.add(new long[] {placement.offset(i), placement.offset(i) + lengths[i]});
        if (lengths[i] % 512 == 0) {
          assertEquals(0, placement.offset(i) % (lengths[i] % PAGE == 0 ? PAGE : 512));
        }
      }
      ranges.sort(Comparator.comparingLong(range -> range[0]));
      for (int i = 1; i < ranges.size(); i++) {
        assertTrue(ranges.get(i - 1)[1] <= ranges.get(i)[0]);
      }
      assertTrue(ranges.getLast()[1] <= allocator.sizeBytes());
      placement.release(allocator);
      assertEquals(0, allocator.allocatedBytes());
    }
  }
}
