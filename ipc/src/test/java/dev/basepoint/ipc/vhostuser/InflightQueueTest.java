package dev.basepoint.ipc.vhostuser;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a new process finds that its predecessor, killed at any point, had left open. */
class InflightQueueTest {
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment memory = arena.allocate(InflightQueue.sizeBytes(8), 64);
  private InflightQueue queue = new InflightQueue(memory, 8);

  @AfterEach
  void free() {
    arena.close();
  }

  private int[] restart(int usedIdx) {
    queue = new InflightQueue(memory, 8);
    return queue.recover(usedIdx);
  }

  @Test
  void anewThereIsNothing() {
    assertArrayEquals(new int[0], queue.recover(0));
  }

  @Test
  void openChainsComeInTheOrderInWhichTheyWereTaken() {
    queue.recover(0);
    queue.taken(5);
    queue.taken(2);
    queue.taken(7);
    assertArrayEquals(new int[] {5, 2, 7}, restart(0));
    queue.taken(0);
    assertArrayEquals(new int[] {5, 2, 7, 0}, restart(0), "the count goes on");
  }

  @Test
  void publishedChainsAreClosed() {
    queue.recover(0);
    queue.taken(1);
    queue.taken(2);
    queue.taken(3);
    queue.completed(3);
    queue.completed(1);
    queue.published(2);
    assertArrayEquals(new int[] {2}, restart(2));
  }

  @Test
  void killedBeforeTheIndexWasPublishedAllAreOpen() {
    queue.recover(0);
    queue.taken(1);
    queue.taken(2);
    queue.completed(2);
    assertArrayEquals(new int[] {1, 2}, restart(0));
  }

  @Test
  void killedAfterTheIndexWasPublishedTheBatchIsClosed() {
    queue.recover(0xffff);
    queue.taken(1);
    queue.taken(2);
    queue.taken(4);
    queue.completed(4);
    queue.completed(1);
    // The used ring says 2 more, around the end of the numbers; published() was never reached.
    assertArrayEquals(new int[] {2}, restart(1));
  }

  @Test
  void aFrontEndThatScribblesHurtsOnlyItself() {
    queue.recover(0);
    memory.asSlice(10).fill((byte) 0xff);
    // All chains are said to be open, and each exists.
    int[] open = restart(3);
    java.util.Arrays.sort(open);
    assertArrayEquals(new int[] {0, 1, 2, 3, 4, 5, 6, 7}, open);
  }
}
