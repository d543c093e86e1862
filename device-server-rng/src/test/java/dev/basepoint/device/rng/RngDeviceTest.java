package dev.basepoint.device.rng;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.server.TestFrame;
import dev.basepoint.ipc.server.VirtioFeatures;
import dev.basepoint.ipc.virtqueue.DriverQueue;
import dev.basepoint.ipc.virtqueue.GuestDriver;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import dev.basepoint.ipc.virtqueue.UsedResult;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The device over plain memory, in the test's own thread. */
class RngDeviceTest {
  private static final int REQUEST_BYTES_MAX = 1000;

  private TestFrame frame;
  private GuestDriver guest;

  @BeforeEach
  void make() throws IOException {
    frame = new TestFrame();
    guest = new GuestDriver(64, VirtioFeatures.TRANSPORT);
  }

  @AfterEach
  void close() throws IOException {
    frame.close();
    guest.close();
  }

  private void start(long rateBytesPerSecond) throws IOException {
    try (EventFd unused = EventFd.create()) {
      frame.configure(
          RngDevice::new,
          new SupervisionRequest.ConfigureRng(
              "rng0", unused.fd(), rateBytesPerSecond, REQUEST_BYTES_MAX, 64));
    }
    frame.activate(guest.memory(), VirtioFeatures.TRANSPORT, guest.addresses());
  }

  @Test
  void fillsBuffersUpToTheLimitAndNotBeyond() throws IOException {
    start(0);
    guest.submit(Buffer.writable(600), Buffer.writable(300), Buffer.writable(600));
    guest.submitIndirect(Buffer.writable(1), Buffer.writable(5));
    guest.publish();
    frame.kick(0);
    Completion large = guest.poll().orElseThrow();
    assertEquals(REQUEST_BYTES_MAX, large.usedLength());
    byte[] tail = java.util.Arrays.copyOfRange(large.written(), REQUEST_BYTES_MAX, 1500);
    assertArrayEquals(new byte[500], tail, "bytes past the used length stay as they were");
    assertEquals(6, guest.poll().orElseThrow().usedLength());
    assertEquals(1006, frame.count("bytesToGuest"));
    assertEquals(2, frame.count("requests"));
  }

  @Test
  void requestsThatMakeNoSenseComeBackEmpty() throws IOException {
    start(0);
    guest.submit(Buffer.readable((byte) 1));
    guest.submit(Buffer.readable((byte) 1), Buffer.writable(16));
    guest.submit(Buffer.writable(0));
    guest.submit(Buffer.writable(16));
    guest.publish();
    frame.kick(0);
    assertEquals(0, guest.poll().orElseThrow().usedLength());
    Completion mixed = guest.poll().orElseThrow();
    assertEquals(0, mixed.usedLength());
    assertArrayEquals(new byte[16], mixed.written());
    assertEquals(0, guest.poll().orElseThrow().usedLength());
    assertEquals(16, guest.poll().orElseThrow().usedLength());
    assertEquals(3, frame.count("errors"));
  }

  @Test
  void aRateLimitDelaysAndNeverShortens() throws IOException {
    long rate = 20_000;
    start(rate);
    long began = System.nanoTime();
    for (int i = 0; i < 4; i++) {
      guest.submit(Buffer.writable(REQUEST_BYTES_MAX));
    }
    guest.publish();
    frame.kick(0);
    assertEquals(REQUEST_BYTES_MAX, guest.poll().orElseThrow().usedLength(), "the burst");
    assertEquals(java.util.Optional.empty(), guest.poll(), "the bucket is empty");
    assertEquals(1, frame.count("throttled"));
    int done = 1;
    while (done < 4) {
      frame.runLoopOnce(60_000);
      for (var next = guest.poll(); next.isPresent(); next = guest.poll()) {
        assertEquals(REQUEST_BYTES_MAX, next.orElseThrow().usedLength());
        done++;
      }
    }
    long earliest = TimeUnit.SECONDS.toNanos(3 * REQUEST_BYTES_MAX) / rate;
    assertTrue(System.nanoTime() - began >= earliest, "3000 bytes came faster than the limit");
  }

  @Test
  void aThrottledRequestStaysInTheRingWhenTheDeviceIsReset() throws IOException {
    start(1);
    guest.submit(Buffer.writable(REQUEST_BYTES_MAX));
    guest.submit(Buffer.writable(REQUEST_BYTES_MAX));
    guest.publish();
    frame.kick(0);
    assertTrue(guest.poll().isPresent());
    // Settles at once although the next request's bytes are a quarter of an hour away.
    frame.reset();
    assertTrue(guest.poll().isEmpty());
  }

  @Test
  void aRequestAllocatesNothing() throws IOException {
    start(1L << 40);
    DriverQueue driver =
        new DriverQueue(guest.memory(), guest.addresses(), VirtioFeatures.TRANSPORT);
    frame.reset();
    frame.activate(guest.memory(), VirtioFeatures.TRANSPORT, guest.addresses());
    long gpa = guest.memory().sizeBytes(0) - 4096;
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    assertTrue(threads.isThreadAllocatedMemoryEnabled());
    // Code that the JIT has not finished yet allocates. Then there is nothing left.
    long allocated = Long.MAX_VALUE;
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (allocated > 0 && System.nanoTime() < deadline) {
      long before = threads.getCurrentThreadAllocatedBytes();
      serve(driver, gpa, 10_000);
      allocated = threads.getCurrentThreadAllocatedBytes() - before;
    }
    assertEquals(0, allocated, "bytes allocated by the last 10000 requests");
    assertFalse(driver.hasUsed());
  }

  private void serve(DriverQueue driver, long gpa, int count) throws IOException {
    for (int i = 0; i < count; i++) {
      driver.begin();
      driver.add(gpa, 40, true);
      driver.add(gpa + 64, 24, true);
      driver.submit();
      driver.publish();
      frame.kick(0);
      if (driver.popUsed() != UsedResult.USED || driver.usedLength() != 64) {
        throw new AssertionError("request " + i);
      }
    }
  }
}
