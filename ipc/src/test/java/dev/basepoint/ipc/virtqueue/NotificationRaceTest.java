package dev.basepoint.ipc.virtqueue;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.window.WindowLayout;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The race that the full fences decide, run on purpose: one side publishes in the same instant in
 * which the other asks to be notified. At least one of them must notice the other.
 *
 * <pre>
 *   publisher: store idx;   fence; load event   -> notify?
 *   sleeper:   store event; fence; load idx     -> more came?
 * </pre>
 *
 * Without the fences each load may overtake the store before it, and both answer no.
 */
class NotificationRaceTest {
  private static final int ROUNDS = 200_000;

  /** On a busy host, where a round can take a time slice, fewer rounds have to do. */
  private static final long BUDGET_NANOS = 4_000_000_000L;

  private static final int SPINS_BEFORE_YIELD = 2_000;

  /** Phases passed by both threads; each phase ends when both have arrived. */
  private final AtomicInteger arrivals = new AtomicInteger();

  private volatile boolean calledOff;

  private boolean kicked;
  private boolean pendingForDevice;
  private boolean called;
  private boolean pendingForDriver;

  @ParameterizedTest
  @ValueSource(longs = {0, RingFeatures.VIRTIO_F_EVENT_IDX})
  void publisherAndSleeperNeverMissEachOther(long features) throws Exception {
    WindowLayout layout = WindowLayout.compute(List.of(8), 4096);
    GuestMemory window =
        GuestMemory.ofWindow(Arena.ofAuto().allocate(layout.totalBytes(), WindowLayout.PAGE_BYTES));
    RingAddresses addresses = layout.queues().getFirst();
    DriverQueue driver = new DriverQueue(window, addresses, features);
    DeviceQueue device =
        switch (DeviceQueue.open(window, addresses, features)) {
          case DeviceQueue.Opened(DeviceQueue queue) -> queue;
          case DeviceQueue.Refused refused -> throw new AssertionError(refused);
        };
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Thread deviceThread =
        Thread.ofPlatform()
            .daemon()
            .uncaughtExceptionHandler((thread, thrown) -> failure.set(thrown))
            .start(() -> deviceSide(device));
    try {
      driverSide(driver, layout.slotsOffset());
    } finally {
      calledOff = true;
      deviceThread.join();
    }
    assertEquals(null, failure.get());
  }

  private void driverSide(DriverQueue driver, long slot) {
    SplittableRandom random = new SplittableRandom(1);
    int phase = 0;
    long start = System.nanoTime();
    for (int round = 0; round < ROUNDS && System.nanoTime() - start < BUDGET_NANOS; round++) {
      driver.disableCalls();
      driver.begin();
      driver.add(slot, 64, false);
      driver.add(slot + 64, 64, true);
      await(++phase);
      linger(random);
      driver.submit();
      kicked = driver.publish();
      await(++phase);
      assertTrue(kicked || pendingForDevice, "lost kick in round " + round);
      await(++phase);
      linger(random);
      pendingForDriver = driver.enableCalls();
      await(++phase);
      assertTrue(called || pendingForDriver, "lost call in round " + round);
      assertEquals(UsedResult.USED, driver.popUsed());
    }
  }

  private void deviceSide(DeviceQueue device) {
    SplittableRandom random = new SplittableRandom(2);
    DescriptorChain chain = device.newChain();
    int phase = 0;
    for (int round = 0; round < ROUNDS && !calledOff; round++) {
      device.disableKicks();
      await(++phase);
      linger(random);
      pendingForDevice = device.enableKicks();
      await(++phase);
      if (calledOff) {
        return;
      }
      assertEquals(PopResult.CHAIN, device.pop(chain));
      device.push(chain.headId(), 1);
      await(++phase);
      linger(random);
      called = device.publish();
      await(++phase);
    }
  }

  /** A few nanoseconds, so that the two meet now in one order and now in the other. */
  private static void linger(SplittableRandom random) {
    for (int i = random.nextInt(8); i > 0; i--) {
      Thread.onSpinWait();
    }
  }

  @SuppressWarnings("ThreadPriorityCheck") // on a busy host only a yield lets the other arrive
  private void await(int phase) {
    arrivals.incrementAndGet();
    for (int spins = 0; arrivals.get() < 2 * phase && !calledOff; spins++) {
      if (spins < SPINS_BEFORE_YIELD) {
        Thread.onSpinWait();
      } else {
        Thread.yield();
      }
    }
  }
}
