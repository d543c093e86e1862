package dev.basepoint.device.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.SupervisionRequest.ConfigureNet;
import dev.basepoint.ipc.control.SupervisionRequest.NetBackend;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.memory.GuardedMemory;
import dev.basepoint.ipc.memory.GuardedMemory.Range;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.server.TestFrame;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.GuestDriver;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.MalformedChains;
import dev.basepoint.ipc.virtqueue.PopResult;
import dev.basepoint.ipc.virtqueue.QueueLimits;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.window.WindowLayout;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Over a million hostile chains against both queues, from a fixed and a fresh seed. */
class NetPropertyTest {
  private static final List<Integer> QUEUE_SIZES = List.of(2, 16, 64, 256);

  /** Each with a chain for either queue. */
  private static final int STEPS_PER_QUEUE_SIZE = 45_000;

  /** Most chains are no packet; some must get that far all the same. */
  private static final int SERVED_MIN = 100;

  private static final long HEAP_BYTES = 64 * 1024;
  private static final int RX = 0;
  private static final int TX = 1;

  static LongStream seeds() {
    return LongStream.of(0x5eed, 8176498305654L, System.nanoTime());
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void hostileChainsHarmNothingAndACorrectEchoWorksAfterwards(long seed) throws IOException {
    for (int queueSize : QUEUE_SIZES) {
      long features =
          queueSize == 64
              ? NetFixture.FEATURES & ~NetFeatures.VIRTIO_NET_F_MRG_RXBUF
              : NetFixture.FEATURES;
      try (Attack attack = new Attack(queueSize, features, seed + queueSize)) {
        attack.run();
      }
    }
  }

  /** The echo peer, which also sends unasked, so that there is always something to receive. */
  private static final class ChattyEcho implements PacketBackEnd {
    private final EchoBackEnd echo;
    private final SplittableRandom random;
    private int unasked;

    ChattyEcho(long seed) throws IOException {
      echo = new EchoBackEnd(NetFixture.MTU_BYTES + 18);
      random = new SplittableRandom(seed);
    }

    @Override
    public Fd fd() {
      return echo.fd();
    }

    @Override
    public long features() {
      return echo.features();
    }

    @Override
    public void negotiated(long features) {
      echo.negotiated(features);
    }

    @Override
    public int receive(MemorySegment frame) {
      if (unasked == 0) {
        return echo.receive(frame);
      }
      unasked--;
      // Short ones and long ones, the longest beyond the MTU.
      int bytes = random.nextInt(3) > 0 ? 14 + random.nextInt(200) : 14 + random.nextInt(1600);
      VirtioNetHeader.clear(frame, 0);
      frame.asSlice(VirtioNetHeader.BYTES, bytes).fill((byte) bytes);
      return VirtioNetHeader.BYTES + bytes;
    }

    @Override
    public Sent send(MemorySegment header, IovecArray packet) {
      return echo.send(header, packet);
    }

    @Override
    public void close() {
      echo.close();
    }
  }

  /** One device under attack. */
  private static final class Attack implements AutoCloseable {
    private final long features;
    private final WindowLayout layout;
    private final GuardedMemory guarded;
    private final GuestMemory memory;
    private final MalformedChains[] chains = new MalformedChains[2];
    private final TestFrame frame = new TestFrame();
    private final ChattyEcho backEnd;
    private final DescriptorChain chain;

    Attack(int queueSize, long features, long seed) throws IOException {
      this.features = features;
      layout = WindowLayout.compute(List.of(queueSize, queueSize), 2 * HEAP_BYTES);
      guarded = new GuardedMemory(layout.totalBytes());
      memory = guarded.guestMemory(0);
      for (int i = 0; i < chains.length; i++) {
        chains[i] =
            new MalformedChains(
                memory,
                addresses(i),
                layout.slotsOffset() + i * HEAP_BYTES,
                HEAP_BYTES,
                seed * 2 + i);
      }
      chains[TX].headersFrom(Attack::packet);
      chain = new DescriptorChain(queueSize);
      backEnd = new ChattyEcho(seed);
      try (EventFd unused = EventFd.create()) {
        frame.configure(
            (configuration, host) -> new NetDevice(configuration, backEnd, host),
            new ConfigureNet(
                "net0",
                unused.fd(),
                null,
                NetBackend.ECHO,
                Frames.GUEST_MAC,
                NetFixture.MTU_BYTES,
                queueSize,
                false,
                true));
      }
      activate();
    }

    /** What a transmitted chain starts with: a header and a packet, most of them sensible. */
    private static byte[] packet(SplittableRandom random) {
      byte[] header = new byte[VirtioNetHeader.BYTES];
      if (random.nextInt(4) == 0) {
        random.nextBytes(header);
      }
      byte[] packet =
          switch (random.nextInt(3)) {
            case 0 -> Frames.arpRequest(Frames.GUEST_IP, Frames.PEER_IP);
            case 1 -> Frames.icmpEcho(1, random.nextInt(), new byte[random.nextInt(64)]);
            default -> Frames.udp(9, 7, new byte[random.nextInt(64)]);
          };
      if (random.nextInt(4) == 0) {
        packet[random.nextInt(packet.length)] = (byte) random.nextInt();
      }
      return Frames.withHeader(header, packet);
    }

    private RingAddresses addresses(int queue) {
      return layout.queues().get(queue);
    }

    private void activate() throws IOException {
      frame.activate(memory, features, addresses(RX), addresses(TX));
    }

    void run() throws IOException {
      long broken = 0;
      long watched = 0;
      for (int step = 0; step < STEPS_PER_QUEUE_SIZE; step++) {
        for (int queue : new int[] {TX, RX}) {
          // Chains that wait for a packet were read by the device, which a second reader would not
          // do in the same way.
          boolean watch = step % 8 == 0 && frame.isIdle(RX);
          chains[queue].next();
          try {
            backEnd.unasked = queue == RX ? 4 : 0;
            Optional<List<Range>> writable = watch ? writableRanges(queue) : Optional.empty();
            if (writable.isPresent()) {
              guarded.remember();
            }
            frame.kickAndKeep(queue);
            if (writable.isPresent()) {
              guarded.assertOnlyChanged(writable.orElseThrow());
              watched++;
            }
            if (step % 256 == 0) {
              guarded.assertCanariesIntact();
            }
            if (frame.broken() != null) {
              broken++;
              restart();
            }
          } catch (AssertionError | RuntimeException e) {
            throw new AssertionError("queue " + queue + ", " + chains[queue].describe(), e);
          }
        }
      }
      assertTrue(broken > 0, "some rings must break");
      assertTrue(watched > STEPS_PER_QUEUE_SIZE / 40, "watched " + watched);
      assertTrue(
          frame.count("errors") > STEPS_PER_QUEUE_SIZE / 10, frame.count("errors") + " errors");
      assertTrue(frame.count("rxFrames") > SERVED_MIN, frame.count("rxFrames") + " received");
      assertTrue(frame.count("txFrames") > SERVED_MIN, frame.count("txFrames") + " sent");
      serveCorrectEcho();
      guarded.assertCanariesIntact();
    }

    private void restart() throws IOException {
      frame.reset();
      chains[RX].restart();
      chains[TX].restart();
      activate();
    }

    /**
     * Where the rings as they are now allow the device to write: used rings and writable receive
     * buffers. Empty if that cannot be told beforehand, because a packet may overwrite a chain that
     * comes after it.
     */
    private Optional<List<Range>> writableRanges(int queue) {
      List<Range> ranges = new ArrayList<>();
      ranges.add(usedRing(queue));
      DeviceQueue reader = open(queue);
      int chainCount = 0;
      PopResult result = reader.pop(chain);
      while (result != PopResult.EMPTY && !result.isRingFault()) {
        for (int i = chain.readableCount(); i < chain.count() && queue == RX; i++) {
          if (chain.gpa(i) < layout.slotsOffset()) {
            return Optional.empty();
          }
          ranges.add(new Range(chain.gpa(i), chain.length(i)));
        }
        chainCount++;
        result = reader.pop(chain);
      }
      return queue == RX && chainCount > 1 ? Optional.empty() : Optional.of(ranges);
    }

    private Range usedRing(int queue) {
      long from = addresses(queue).usedGpa();
      long bytes = 6 + 8L * addresses(queue).queueSize();
      return new Range(from, bytes);
    }

    private DeviceQueue open(int queue) {
      return switch (DeviceQueue.open(
          memory,
          addresses(queue),
          features,
          QueueLimits.ofSpecification(addresses(queue).queueSize()),
          frame.position(queue))) {
        case DeviceQueue.Opened(DeviceQueue opened) -> opened;
        case DeviceQueue.Refused refused -> throw new AssertionError(refused);
      };
    }

    private void serveCorrectEcho() throws IOException {
      while (backEnd.echo.receive(MemorySegment.ofArray(new byte[2000])) > 0) {
        // Answers to what the attack sent.
      }
      // Chains that wait for packets or for more buffers go with a reset, as after any driver.
      backEnd.unasked = 0;
      restart();
      GuestDriver tx = chains[TX].handOver(features);
      GuestDriver rx = chains[RX].handOver(features);
      byte[] ping = Frames.icmpEcho(1, 2, new byte[56]);
      rx.submit(Buffer.writable(2000));
      rx.publish();
      frame.kickAndKeep(RX);
      tx.submit(Buffer.readable(Frames.withHeader(ping)));
      tx.publish();
      frame.kickAndKeep(TX);
      assertEquals(0, tx.poll().orElseThrow().usedLength());
      Optional<GuestDriver.Completion> done = rx.poll();
      if (done.isEmpty()) {
        frame.runLoopOnce(60_000);
        done = rx.poll();
      }
      byte[] answer = NetFixture.frameOf(done.orElseThrow());
      assertEquals(ping.length, answer.length);
      assertArrayEquals(Frames.GUEST_MAC, Arrays.copyOf(answer, 6));
      assertEquals(0, MemorySegment.ofArray(answer).get(ValueLayout.JAVA_BYTE, 34));
    }

    @Override
    public void close() throws IOException {
      frame.close();
      guarded.close();
    }
  }
}
