package dev.basepoint.device.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.basepoint.ipc.linux.Syscalls;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.virtqueue.DriverQueue;
import dev.basepoint.ipc.virtqueue.UsedResult;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** A packet allocates nothing, whichever way it goes. */
class NetAllocationTest {
  private static final byte[] DATAGRAM = Frames.udp(4000, 7, new byte[200]);

  /** Carries one packet out and one in. */
  @FunctionalInterface
  private interface Trip {
    void go() throws IOException;
  }

  @Test
  void throughTheEchoPeer() throws IOException {
    try (NetFixture net =
        new NetFixture(new EchoBackEnd(NetFixture.MTU_BYTES + 18), NetFixture.FEATURES, 64)) {
      Driver driver = new Driver(net);
      assertAllocatesNothing(driver::roundTrip);
      assertEquals(net.frame.count("txFrames"), net.frame.count("rxFrames"));
    }
  }

  @Test
  void throughAStreamSocket() throws IOException {
    UnixSocket[] pair = UnixSocket.pair();
    try (Arena arena = Arena.ofConfined();
        UnixSocket peer = pair[0];
        NetFixture net =
            new NetFixture(new StreamBackEnd(pair[1].fd(), 512), NetFixture.FEATURES, 64)) {
      Driver driver = new Driver(net);
      MemorySegment wire = arena.allocate(4 + DATAGRAM.length);
      assertAllocatesNothing(
          () -> {
            driver.transmit();
            if (Syscalls.read(peer.fd().number(), wire) != wire.byteSize()
                || Syscalls.write(peer.fd().number(), wire) != wire.byteSize()) {
              throw new AssertionError("the packet did not come through");
            }
            driver.receive();
          });
      assertEquals(net.frame.count("txFrames"), net.frame.count("rxFrames"));
    }
  }

  private static void assertAllocatesNothing(Trip trip) throws IOException {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    assertTrue(threads.isThreadAllocatedMemoryEnabled());
    for (int i = 0; i < 20_000; i++) {
      trip.go();
    }
    // As for the other devices: the smallest object has 16 bytes, and the JIT may still be at work.
    long fewest = Long.MAX_VALUE;
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (fewest >= 5_000 && System.nanoTime() < deadline) {
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 5_000; i++) {
        trip.go();
      }
      fewest = Math.min(fewest, threads.getCurrentThreadAllocatedBytes() - before);
    }
    assertTrue(fewest < 5_000, fewest + " bytes allocated by 5000 packets each way");
  }

  /** A driver that allocates nothing either. */
  private static final class Driver {
    private final NetFixture net;
    private final DriverQueue rx;
    private final DriverQueue tx;
    private final long gpa;

    Driver(NetFixture net) throws IOException {
      this.net = net;
      net.frame.reset();
      net.activate(NetFixture.FEATURES);
      gpa = net.layout.slotsOffset();
      rx = new DriverQueue(net.memory, net.layout.queues().get(NetFixture.RX), NetFixture.FEATURES);
      tx = new DriverQueue(net.memory, net.layout.queues().get(NetFixture.TX), NetFixture.FEATURES);
      byte[] packet = Frames.withHeader(DATAGRAM);
      net.memory.copyTo(gpa, MemorySegment.ofArray(packet), 0, packet.length);
    }

    void roundTrip() throws IOException {
      transmit();
      receive();
    }

    void transmit() throws IOException {
      tx.begin();
      tx.add(gpa, VirtioNetHeader.BYTES, false);
      tx.add(gpa + VirtioNetHeader.BYTES, DATAGRAM.length, false);
      tx.submit();
      tx.publish();
      net.frame.kick(NetFixture.TX);
      if (tx.popUsed() != UsedResult.USED) {
        throw new AssertionError("the packet was not sent");
      }
    }

    /** Into three buffers. */
    void receive() throws IOException {
      for (int i = 0; i < 3; i++) {
        rx.begin();
        rx.add(gpa + 4096L * (i + 1), 100, true);
        rx.submit();
      }
      rx.publish();
      net.frame.kick(NetFixture.RX);
      for (int i = 0; i < 3; i++) {
        if (rx.popUsed() != UsedResult.USED) {
          throw new AssertionError("the packet was not received");
        }
      }
    }
  }
}
