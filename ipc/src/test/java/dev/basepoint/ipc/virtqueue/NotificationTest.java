package dev.basepoint.ipc.virtqueue;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.window.WindowLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A driver and a device on two threads that sleep whenever they may. One lost kick or call, and
 * both sleep for ever: that is what the full fences are for.
 */
class NotificationTest {
  private static final long DEADLINE_SECONDS = 60;
  private static final long SLOT_BYTES = 64;

  @ParameterizedTest
  @CsvSource({
    "0, 2, 150000", "0, 8, 400000", "0, 256, 2000000",
    "536870912, 2, 150000", "536870912, 8, 400000", "536870912, 256, 2000000",
  })
  void noNotificationIsLostAndNoByteIsSeenTooEarly(long features, int queueSize, int requests)
      throws Exception {
    WindowLayout layout = WindowLayout.compute(List.of(queueSize), queueSize * SLOT_BYTES);
    GuestMemory window =
        GuestMemory.ofWindow(Arena.ofAuto().allocate(layout.totalBytes(), WindowLayout.PAGE_BYTES));
    RingAddresses addresses = layout.queues().getFirst();
    DriverQueue driver = new DriverQueue(window, addresses, features);
    Semaphore kick = new Semaphore(0);
    Semaphore call = new Semaphore(0);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    DeviceQueue device =
        switch (DeviceQueue.open(window, addresses, features)) {
          case DeviceQueue.Opened(DeviceQueue queue) -> queue;
          case DeviceQueue.Refused refused -> throw new AssertionError(refused);
        };
    Thread deviceThread =
        Thread.ofPlatform()
            .daemon()
            .uncaughtExceptionHandler((thread, thrown) -> failure.set(thrown))
            .start(() -> serve(device, requests, kick, call));
    drive(driver, requests, window.segment(0), layout.slotsOffset(), kick, call, failure);
    deviceThread.join(TimeUnit.SECONDS.toMillis(DEADLINE_SECONDS));
    assertEquals(null, failure.get());
    assertTrue(!deviceThread.isAlive(), "the device waits for a kick that never came");
  }

  private static void drive(
      DriverQueue driver,
      int requests,
      MemorySegment window,
      long slotsOffset,
      Semaphore kick,
      Semaphore call,
      AtomicReference<Throwable> failure)
      throws InterruptedException {
    SplittableRandom random = new SplittableRandom(1);
    Deque<Long> freeSlots = new ArrayDeque<>();
    for (int i = 0; i < driver.queueSize(); i++) {
      freeSlots.add(slotsOffset + i * SLOT_BYTES);
    }
    long[] slotOf = new long[driver.queueSize()];
    long submitted = 0;
    long returned = 0;
    while (returned < requests) {
      int batch = 1 + random.nextInt(driver.queueSize());
      for (; batch > 0 && driver.freeDescriptors() >= 2 && submitted < requests; batch--) {
        long slot = freeSlots.remove();
        window.set(ValueLayout.JAVA_LONG, slot, submitted++);
        driver.begin();
        driver.add(slot, Long.BYTES, false);
        driver.add(slot + Long.BYTES, Long.BYTES, true);
        slotOf[driver.submit()] = slot;
      }
      if (driver.publish()) {
        kick.release();
      }
      UsedResult result;
      while ((result = driver.popUsed()) == UsedResult.USED) {
        long slot = slotOf[driver.usedId()];
        long asked = window.get(ValueLayout.JAVA_LONG, slot);
        // Were an index ever visible before its bytes, this would be an older answer.
        assertEquals(~asked, window.get(ValueLayout.JAVA_LONG, slot + Long.BYTES));
        freeSlots.add(slot);
        returned++;
      }
      assertEquals(UsedResult.EMPTY, result);
      boolean nothingToDo = driver.freeDescriptors() < 2 || submitted == requests;
      if (random.nextInt(4) == 0) {
        driver.disableCalls();
      } else if (nothingToDo && driver.inFlight() > 0 && !driver.enableCalls()) {
        assertTrue(
            call.tryAcquire(DEADLINE_SECONDS, TimeUnit.SECONDS),
            () -> "the driver waits for a call that never came; device: " + failure.get());
        call.drainPermits();
      }
    }
  }

  private static void serve(DeviceQueue device, int requests, Semaphore kick, Semaphore call) {
    SplittableRandom random = new SplittableRandom(2);
    MemorySegment number = MemorySegment.ofArray(new long[1]);
    DescriptorChain chain = device.newChain();
    long served = 0;
    while (served < requests) {
      PopResult result;
      while ((result = device.pop(chain)) == PopResult.CHAIN) {
        chain.copyFromReadable(0, number, 0, Long.BYTES);
        number.set(ValueLayout.JAVA_LONG, 0, ~number.get(ValueLayout.JAVA_LONG, 0));
        device.push(chain.headId(), chain.copyToWritable(0, number, 0, Long.BYTES));
        served++;
        if (random.nextInt(8) == 0 && device.publish()) {
          call.release();
        }
      }
      assertEquals(PopResult.EMPTY, result);
      if (device.publish()) {
        call.release();
      }
      if (random.nextInt(4) == 0) {
        device.disableKicks();
      } else if (served < requests && !device.enableKicks()) {
        try {
          assertTrue(
              kick.tryAcquire(DEADLINE_SECONDS, TimeUnit.SECONDS),
              "the device waits for a kick that never came");
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
        kick.drainPermits();
      }
    }
  }
}
