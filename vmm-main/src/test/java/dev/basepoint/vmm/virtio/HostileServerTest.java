package dev.basepoint.vmm.virtio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import dev.basepoint.vmm.virtio.HostileServer.Attack;
import dev.basepoint.vmm.virtio.channel.Deadlines;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What a device server can do to us once it has been taken over: fail its own device. Guest RAM
 * outside the writable buffers of its own requests stays as it is, the driver is told by
 * DEVICE_NEEDS_RESET, the launcher with the reason, and the device beside it goes on.
 */
class HostileServerTest {
  private static final long FEATURES = TestGuest.VERSION_1 | TestGuest.EVENT_IDX;
  private static final long AREA_BYTES = 8L << 20;

  private static final Deadlines SHORT =
      new Deadlines(
          Duration.ofSeconds(3), Duration.ofMillis(500), Duration.ofSeconds(3), Duration.ZERO);

  @ParameterizedTest
  @EnumSource
  void failsItsOwnDeviceOnly(Attack attack) throws Exception {
    boolean bySilence =
        switch (attack) {
          case SILENT_ON_ACTIVATE, SILENT_ON_RUN, SILENT_ON_PING, COMPLETES_NOTHING -> true;
          default -> false;
        };
    HostileServer hostile = new HostileServer(attack);
    FakeServer honest = new FakeServer(FakeServer.blk(1));
    try (TestMachine machine =
        new TestMachine(bySilence ? SHORT : TestMachine.PATIENT, hostile, honest)) {
      TestGuest victim = machine.guest(0);
      TestGuest neighbour = machine.guest(1).start(FEATURES, 1, 64);
      ask(neighbour, 1);

      victim.prepare(FEATURES, 1, 64);
      byte[] secret = new byte[1 << 20];
      new SplittableRandom(3).nextBytes(secret);
      MemorySegment elsewhere = machine.host.memory().segment(0).asSlice(0, secret.length);
      elsewhere.copyFrom(MemorySegment.ofArray(secret));
      victim.write(0x70, 1 | 2 | 8 | 4);
      for (int i = 0; i < 4; i++) {
        victim.queue(0).submit(Buffer.readable(new byte[100]), Buffer.writable(200));
      }
      victim.publish(0);

      victim.awaitNeedsReset();
      String reason = machine.awaitFailure(0);
      assertFalse(reason.isBlank());
      assertTrue(reason.chars().noneMatch(Character::isISOControl), reason);
      assertEquals(-1, elsewhere.mismatch(MemorySegment.ofArray(secret)));

      ask(neighbour, 100);
      assertFalse(neighbour.needsReset());
      assertEquals(0, machine.counter(1, "failures"));
      assertEquals(1, machine.counter(0, "failures"));

      // Without another server the device stays failed, and says so at once.
      victim.prepare(FEATURES, 1, 64);
      victim.write(0x70, 1 | 2 | 8 | 4);
      victim.awaitNeedsReset();
      ask(neighbour, 10);
    }
  }

  private static void ask(TestGuest guest, int times) throws Exception {
    SplittableRandom random = new SplittableRandom(times);
    for (int i = 0; i < times; i++) {
      byte[] question = new byte[1 + random.nextInt(5000)];
      random.nextBytes(question);
      guest.queue(0).submit(Buffer.readable(question), Buffer.writable(600));
      guest.publish(0);
      Completion done = guest.awaitCompletion(0);
      assertArrayEquals(FakeServer.answerTo(question, 600), done.written());
    }
  }

  /** Scribbling hits rings and data at random: nothing but the device itself may notice. */
  @Test
  void survivesAServerThatScribblesAllOverTheWindow() throws Exception {
    for (long seed = 0; seed < 20; seed++) {
      ScribblingServer hostile = new ScribblingServer(seed);
      FakeServer honest = new FakeServer(FakeServer.blk(1));
      try (TestMachine machine = new TestMachine(TestMachine.PATIENT, hostile, honest)) {
        TestGuest neighbour = machine.guest(1).start(FEATURES, 1, 64);
        TestGuest victim = machine.guest(0).start(FEATURES, 1, 64);
        MemorySegment ram = machine.host.memory().segment(0);
        byte[] below = new byte[4096];
        new SplittableRandom(seed).nextBytes(below);
        ram.asSlice(0, below.length).copyFrom(MemorySegment.ofArray(below));
        for (int round = 0; round < 50 && !victim.needsReset(); round++) {
          if (victim.queue(0).hasRoomFor(2)) {
            victim.queue(0).submit(Buffer.readable(new byte[100]), Buffer.writable(3000));
            victim.publish(0);
          }
          ask(neighbour, 1);
        }
        assertEquals(-1, ram.asSlice(0, below.length).mismatch(MemorySegment.ofArray(below)));
        long untouchedGpa = victim.heapGpa() + (2L << 20);
        assertEquals(
            0,
            ram.asSlice(untouchedGpa, AREA_BYTES - (3L << 20))
                .elements(ValueLayout.JAVA_LONG)
                .filter(word -> word.get(ValueLayout.JAVA_LONG, 0) != 0)
                .count());
        ask(neighbour, 10);
      }
    }
  }

  private static final class ScribblingServer extends FakeServer {
    private final SplittableRandom random;

    ScribblingServer(long seed) throws IOException {
      super(FakeServer.blk(1));
      random = new SplittableRandom(seed);
    }

    @Override
    void onKick(Queue queue) {
      for (int i = 0; i < 2000; i++) {
        // Half of it into the rings, where it hurts.
        long range = random.nextBoolean() ? 16 * 1024 : window.segment().byteSize() - 8;
        window
            .segment()
            .set(ValueLayout.JAVA_LONG_UNALIGNED, random.nextLong(range), random.nextLong());
      }
      queue.call.signal();
      super.onKick(queue);
    }
  }
}
