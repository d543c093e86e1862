package dev.basepoint.device.rng;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.memory.GuardedMemory;
import dev.basepoint.ipc.memory.GuardedMemory.Range;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.server.TestFrame;
import dev.basepoint.ipc.server.VirtioFeatures;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.GuestDriver;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.MalformedChains;
import dev.basepoint.ipc.virtqueue.PopResult;
import dev.basepoint.ipc.virtqueue.QueueLimits;
import dev.basepoint.ipc.virtqueue.QueuePosition;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.window.WindowLayout;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Over a million hostile chains against the device, from a fixed and a fresh seed. */
class RngPropertyTest {
  private static final List<Integer> QUEUE_SIZES = List.of(2, 16, 64, 256);
  private static final int STEPS_PER_QUEUE_SIZE = 130_000;
  private static final long HEAP_BYTES = 64 * 1024;
  private static final long FEATURES = VirtioFeatures.TRANSPORT;

  static LongStream seeds() {
    return LongStream.of(0x5eed, System.nanoTime());
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void hostileChainsHarmNothingAndACorrectRequestWorksAfterwards(long seed) throws IOException {
    for (int queueSize : QUEUE_SIZES) {
      try (Attack attack = new Attack(queueSize, seed + queueSize)) {
        attack.run();
      }
    }
  }

  /** One device under attack. */
  private static final class Attack implements AutoCloseable {
    private final WindowLayout layout;
    private final GuardedMemory guarded;
    private final GuestMemory memory;
    private final RingAddresses addresses;
    private final MalformedChains chains;
    private final TestFrame frame = new TestFrame();

    private final DescriptorChain chain;

    Attack(int queueSize, long seed) throws IOException {
      layout = WindowLayout.compute(List.of(queueSize), HEAP_BYTES);
      guarded = new GuardedMemory(layout.totalBytes());
      memory = guarded.guestMemory(0);
      addresses = layout.queues().getFirst();
      chains = new MalformedChains(memory, addresses, layout.slotsOffset(), HEAP_BYTES, seed);
      chain = new DescriptorChain(queueSize);
      try (EventFd unused = EventFd.create()) {
        frame.configure(
            RngDevice::new,
            new SupervisionRequest.ConfigureRng("rng0", unused.fd(), 0, 4096, queueSize));
      }
      activate();
    }

    private void activate() throws IOException {
      frame.activate(memory, FEATURES, addresses);
    }

    void run() throws IOException {
      long broken = 0;
      long watched = 0;
      for (int step = 0; step < STEPS_PER_QUEUE_SIZE; step++) {
        chains.next();
        try {
          Optional<List<Range>> writable = step % 8 == 0 ? writableRanges() : Optional.empty();
          if (writable.isPresent()) {
            guarded.remember();
          }
          frame.kick(0);
          if (writable.isPresent()) {
            guarded.assertOnlyChanged(writable.orElseThrow());
            watched++;
          }
          if (step % 256 == 0) {
            guarded.assertCanariesIntact();
          }
          if (frame.broken() != null) {
            broken++;
            frame.reset();
            chains.restart();
            activate();
          }
        } catch (AssertionError | RuntimeException e) {
          throw new AssertionError(chains.describe(), e);
        }
      }
      assertTrue(broken > 0, "some rings must break");
      assertTrue(watched > STEPS_PER_QUEUE_SIZE / 20, "most of every eighth step is watched");
      assertTrue(frame.count("errors") > STEPS_PER_QUEUE_SIZE / 10, "most chains are bad");
      assertTrue(frame.count("bytesToGuest") > STEPS_PER_QUEUE_SIZE, "some are served");
      serveCorrectRequest();
      guarded.assertCanariesIntact();
    }

    /**
     * Where the ring as it is now allows the device to write: used ring and writable buffers. Empty
     * if that cannot be told beforehand, because a chain may overwrite what comes after it.
     */
    private Optional<List<Range>> writableRanges() {
      List<Range> ranges = new ArrayList<>();
      ranges.add(new Range(addresses.usedGpa(), layout.slotsOffset() - addresses.usedGpa()));
      // A second reader of the same ring.
      DeviceQueue reader = open(frame.position(0));
      int goodChains = 0;
      PopResult result = reader.pop(chain);
      while (result != PopResult.EMPTY && !result.isRingFault()) {
        for (int i = chain.readableCount(); i < chain.count(); i++) {
          if (chain.gpa(i) < layout.slotsOffset()) {
            return Optional.empty();
          }
          ranges.add(new Range(chain.gpa(i), chain.length(i)));
        }
        goodChains += result == PopResult.CHAIN ? 1 : 0;
        result = reader.pop(chain);
      }
      return goodChains > 1 ? Optional.empty() : Optional.of(ranges);
    }

    private DeviceQueue open(QueuePosition position) {
      return switch (DeviceQueue.open(
          memory,
          addresses,
          FEATURES,
          QueueLimits.ofSpecification(addresses.queueSize()),
          position)) {
        case DeviceQueue.Opened(DeviceQueue queue) -> queue;
        case DeviceQueue.Refused refused -> throw new AssertionError(refused);
      };
    }

    private void serveCorrectRequest() throws IOException {
      GuestDriver guest = chains.handOver(FEATURES);
      int id = guest.submit(Buffer.writable(32));
      guest.publish();
      frame.kick(0);
      GuestDriver.Completion done = guest.poll().orElseThrow();
      assertEquals(id, done.id());
      assertEquals(32, done.usedLength());
    }

    @Override
    public void close() throws IOException {
      frame.close();
      guarded.close();
    }
  }
}
