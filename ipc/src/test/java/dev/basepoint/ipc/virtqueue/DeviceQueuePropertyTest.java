package dev.basepoint.ipc.virtqueue;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.memory.GuardedMemory;
import dev.basepoint.ipc.memory.GuardedMemory.Range;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.MalformedChains.Kind;
import dev.basepoint.ipc.window.WindowLayout;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Over a million hostile chains, each judged by a second implementation of the rules. */
class DeviceQueuePropertyTest {
  private static final long INDIRECT = RingFeatures.VIRTIO_F_INDIRECT_DESC;
  private static final long EVENT_IDX = RingFeatures.VIRTIO_F_EVENT_IDX;
  private static final List<Integer> QUEUE_SIZES = List.of(1, 2, 4, 16, 64, 256);
  private static final List<Long> FEATURES = List.of(INDIRECT | EVENT_IDX, INDIRECT, EVENT_IDX, 0L);
  private static final int STEPS_PER_CONFIGURATION = 30_000;
  private static final long BASE_GPA = 4L << 30;
  private static final long HEAP_BYTES = 64 * 1024;

  private static final Set<Kind> LEGAL =
      EnumSet.of(Kind.WELL_FORMED, Kind.ZERO_LENGTHS, Kind.OVERLAPS, Kind.RESERVED_FLAGS);
  private static final Set<Kind> BAD_CHAINS =
      EnumSet.of(
          Kind.CYCLE,
          Kind.INDIRECT_CYCLE,
          Kind.NEXT_OUT_OF_RANGE,
          Kind.BUFFER_OUT_OF_RANGE,
          Kind.HUGE_LENGTH,
          Kind.TOO_LONG,
          Kind.INDIRECT_NESTED,
          Kind.INDIRECT_WITH_NEXT,
          Kind.INDIRECT_BAD_LENGTH,
          Kind.INDIRECT_OUT_OF_RANGE);
  private static final Set<Kind> BROKEN_RINGS =
      EnumSet.of(Kind.HEAD_OUT_OF_RANGE, Kind.HEAD_TWICE, Kind.INDEX_JUMP, Kind.INDEX_BACK);

  static LongStream seeds() {
    return LongStream.of(0x5eed, System.nanoTime());
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void everyChainIsJudgedAsTheReferenceJudgesIt(long seed) {
    EnumSet<PopResult> met = EnumSet.noneOf(PopResult.class);
    long configuration = 0;
    for (int queueSize : QUEUE_SIZES) {
      for (long features : FEATURES) {
        try (Bench bench = new Bench(queueSize, features, seed + configuration++, met)) {
          bench.run();
        }
      }
    }
    assertEquals(EnumSet.allOf(PopResult.class), met, "the generator reaches every answer");
  }

  /** One queue under attack. */
  private static final class Bench implements AutoCloseable {
    private final GuardedMemory guarded;
    private final GuestMemory memory;
    private final RingAddresses addresses;
    private final long features;
    private final QueueLimits limits;
    private final MalformedChains chains;
    private final EnumSet<PopResult> met;
    private final MemorySegment pattern = MemorySegment.ofArray(new byte[1 << 20]);
    private final DescriptorChain chain;
    private DeviceQueue queue;
    private ReferenceQueue reference;

    Bench(int queueSize, long features, long seed, EnumSet<PopResult> met) {
      WindowLayout layout = WindowLayout.compute(List.of(queueSize), HEAP_BYTES);
      guarded = new GuardedMemory(layout.totalBytes());
      memory = guarded.guestMemory(BASE_GPA);
      RingAddresses ring = layout.queues().getFirst();
      addresses =
          new RingAddresses(
              queueSize,
              BASE_GPA + ring.descGpa(),
              BASE_GPA + ring.availGpa(),
              BASE_GPA + ring.usedGpa());
      this.features = features;
      this.met = met;
      // Half the benches have tighter limits than the specification.
      limits =
          seed % 2 == 0
              ? QueueLimits.ofSpecification(queueSize)
              : new QueueLimits(Math.max(1, queueSize / 2), 20_000);
      chains =
          new MalformedChains(memory, addresses, BASE_GPA + layout.slotsOffset(), HEAP_BYTES, seed);
      pattern.fill((byte) 0x3c);
      chain = new DescriptorChain(limits.maxDescriptors());
      reset();
    }

    void run() {
      for (int step = 0; step < STEPS_PER_CONFIGURATION; step++) {
        Kind kind = chains.next();
        try {
          boolean watch = step % 16 == 0;
          if (watch) {
            guarded.remember();
          }
          List<Range> writable = new ArrayList<>();
          PopResult last = drain(kind, step % 2 == 0, writable);
          if (watch) {
            guarded.assertOnlyChanged(writable);
          }
          if (step % 64 == 0) {
            guarded.assertCanariesIntact();
          }
          if (last.isRingFault()) {
            chains.restart();
            reset();
          }
        } catch (AssertionError | RuntimeException e) {
          throw new AssertionError(
              chains.describe() + ", " + addresses + ", features " + Long.toHexString(features), e);
        }
      }
      serveCorrectRequest();
    }

    /** Pops until the ring is empty or broken; serves chains at once or together at the end. */
    private PopResult drain(Kind kind, boolean atOnce, List<Range> writable) {
      List<Integer> held = new ArrayList<>();
      writable.add(new Range(addresses.usedGpa() - BASE_GPA, usedBytes()));
      int chainsSeen = 0;
      while (true) {
        ReferenceQueue.Answer expected = reference.pop();
        PopResult result = queue.pop(chain);
        met.add(result);
        assertEquals(expected.result(), result);
        if (result.isRingFault()) {
          assertFalse(queue.hasPending());
          assertEquals(result, queue.pop(chain));
          return result;
        }
        if (result == PopResult.EMPTY) {
          for (int head : held) {
            queue.push(head, 0);
            reference.push(head);
          }
          queue.publish();
          assertEquals(0, queue.inFlight());
          // A head that was returned meanwhile may come again.
          assertTrue(
              !BROKEN_RINGS.contains(kind) || (kind == Kind.HEAD_TWICE && atOnce),
              "a broken ring was accepted");
          return result;
        }
        assertEquals(expected.head(), chain.headId());
        compare(expected.buffers(), writable);
        if (chainsSeen++ == 0) {
          judge(kind, result);
        }
        assertTrue(chainsSeen <= addresses.queueSize(), "more chains than the queue can hold");
        long room = Math.min(chain.writableBytes(), pattern.byteSize());
        long written = chain.copyToWritable(0, pattern, 0, room);
        assertEquals(room, written);
        if (atOnce) {
          queue.push(chain.headId(), written);
          reference.push(chain.headId());
        } else {
          held.add(chain.headId());
        }
      }
    }

    private void judge(Kind kind, PopResult result) {
      boolean specification = limits.maxBytes() == QueueLimits.MAX_CHAIN_BYTES;
      if (LEGAL.contains(kind) && specification && (features & INDIRECT) != 0) {
        assertEquals(PopResult.CHAIN, result);
      }
      if (BAD_CHAINS.contains(kind)) {
        assertTrue(result.isChainFault(), "a bad chain was taken");
      }
    }

    private void compare(List<ReferenceQueue.Buffer> expected, List<Range> writable) {
      assertEquals(expected.size(), chain.count());
      long readableBytes = 0;
      long writableBytes = 0;
      for (int i = 0; i < chain.count(); i++) {
        ReferenceQueue.Buffer buffer = expected.get(i);
        assertEquals(buffer.gpa(), chain.gpa(i));
        assertEquals(buffer.length(), chain.length(i));
        assertEquals(buffer.writable(), chain.isWritable(i));
        assertEquals(buffer.gpa() - BASE_GPA, chain.offset(i));
        if (buffer.writable()) {
          writableBytes += buffer.length();
          writable.add(new Range(chain.offset(i), buffer.length()));
        } else {
          readableBytes += buffer.length();
        }
      }
      assertEquals(readableBytes, chain.readableBytes());
      assertEquals(writableBytes, chain.writableBytes());
    }

    private long usedBytes() {
      return VirtqUsed.ringBytes(addresses.queueSize());
    }

    private void serveCorrectRequest() {
      GuestDriver guest = chains.handOver(features);
      int id = guest.submit(Buffer.writable(3));
      guest.publish();
      assertEquals(PopResult.CHAIN, queue.pop(chain));
      assertEquals(id, chain.headId());
      queue.push(id, chain.copyToWritable(0, pattern, 0, 3));
      queue.publish();
      GuestDriver.Completion done = guest.poll().orElseThrow();
      assertEquals(3, done.usedLength());
      assertEquals("[60, 60, 60]", Arrays.toString(done.written()));
      guarded.assertCanariesIntact();
    }

    private void reset() {
      queue =
          switch (DeviceQueue.open(memory, addresses, features, limits, QueuePosition.START)) {
            case DeviceQueue.Opened(DeviceQueue opened) -> opened;
            case DeviceQueue.Refused refused -> throw new AssertionError(refused);
          };
      reference = new ReferenceQueue(memory, addresses, features, limits);
    }

    @Override
    public void close() {
      guarded.close();
    }
  }

  @Test
  void aDriverThatRewritesChainsMeanwhileCannotLeadOutside() throws Exception {
    long seed = System.nanoTime();
    int queueSize = 64;
    WindowLayout layout = WindowLayout.compute(List.of(queueSize), HEAP_BYTES);
    try (GuardedMemory guarded = new GuardedMemory(layout.totalBytes())) {
      GuestMemory memory = guarded.guestMemory(0);
      RingAddresses addresses = layout.queues().getFirst();
      MalformedChains chains =
          new MalformedChains(memory, addresses, layout.slotsOffset(), HEAP_BYTES, seed);
      AtomicBoolean stop = new AtomicBoolean();
      AtomicReference<Throwable> failure = new AtomicReference<>();
      Thread scribbler =
          Thread.ofPlatform()
              .daemon()
              .uncaughtExceptionHandler((thread, thrown) -> failure.set(thrown))
              .start(() -> chains.scribble(stop));
      MemorySegment pattern = MemorySegment.ofArray(new byte[1 << 20]);
      long good = 0;
      try {
        DeviceQueue queue = openSpecification(memory, addresses);
        DescriptorChain chain = queue.newChain();
        for (int step = 0; step < 300_000; step++) {
          chains.next();
          PopResult result;
          while ((result = queue.pop(chain)) == PopResult.CHAIN || result.isChainFault()) {
            good += result == PopResult.CHAIN ? 1 : 0;
            for (int i = 0; i < chain.count(); i++) {
              assertTrue(memory.contains(chain.gpa(i), chain.length(i)));
            }
            queue.push(chain.headId(), chain.copyToWritable(0, pattern, 0, 1 << 20));
          }
          queue.publish();
          if (result.isRingFault()) {
            chains.restart();
            queue = openSpecification(memory, addresses);
          }
        }
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError(chains.describe(), e);
      } finally {
        stop.set(true);
        scribbler.join();
      }
      assertEquals(null, failure.get());
      guarded.assertCanariesIntact();
      assertTrue(good > 10_000, "chains still got through: " + good);
    }
  }

  private static DeviceQueue openSpecification(GuestMemory memory, RingAddresses addresses) {
    return switch (DeviceQueue.open(memory, addresses, INDIRECT | EVENT_IDX)) {
      case DeviceQueue.Opened(DeviceQueue queue) -> queue;
      case DeviceQueue.Refused refused -> throw new AssertionError(refused);
    };
  }
}
