package dev.basepoint.device.blk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;

class IoPoolTest {
  private static final int CAPACITY = 48;

  @Test
  void everyRequestIsServedOnceWhateverTheInterleaving() throws Exception {
    int rounds = 2_000;
    AtomicIntegerArray served = new AtomicIntegerArray(CAPACITY);
    CountDownLatch[] latch = {new CountDownLatch(CAPACITY)};
    BlkRequest[] requests = new BlkRequest[CAPACITY];
    for (int i = 0; i < CAPACITY; i++) {
      requests[i] = new BlkRequest(i, 1);
    }
    try (IoPool pool =
        new IoPool(
            "test",
            4,
            CAPACITY,
            request -> {
              served.incrementAndGet(request.token);
              latch[0].countDown();
            })) {
      for (int round = 1; round <= rounds; round++) {
        int count = 1 + round % CAPACITY;
        latch[0] = new CountDownLatch(count);
        for (int i = 0; i < count; i++) {
          pool.submit(requests[i]);
        }
        assertTrue(latch[0].await(60, TimeUnit.SECONDS), "round " + round + " hangs");
      }
    }
    int expected = 0;
    for (int round = 1; round <= rounds; round++) {
      expected += 1 + round % CAPACITY;
    }
    int total = 0;
    for (int i = 0; i < CAPACITY; i++) {
      total += served.get(i);
    }
    assertEquals(expected, total);
  }

  @Test
  void requestsRunAtTheSameTime() throws Exception {
    CountDownLatch allRunning = new CountDownLatch(4);
    CountDownLatch done = new CountDownLatch(4);
    try (IoPool pool =
        new IoPool(
            "test",
            4,
            CAPACITY,
            _ -> {
              allRunning.countDown();
              try {
                if (allRunning.await(60, TimeUnit.SECONDS)) {
                  done.countDown();
                }
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            })) {
      for (int i = 0; i < 4; i++) {
        pool.submit(new BlkRequest(i, 1));
      }
      assertTrue(done.await(60, TimeUnit.SECONDS), "requests wait for each other");
    }
  }
}
