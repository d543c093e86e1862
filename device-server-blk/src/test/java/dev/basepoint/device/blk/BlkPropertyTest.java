package dev.basepoint.device.blk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.device.blk.RequestJudge.Change;
import dev.basepoint.device.blk.RequestJudge.Verdict;
import dev.basepoint.device.blk.image.ImageTraits;
import dev.basepoint.device.blk.image.ImageTraits.Waiting;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.memory.GuardedMemory;
import dev.basepoint.ipc.memory.GuardedMemory.Range;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.server.TestFrame;
import dev.basepoint.ipc.server.VirtioDevice;
import dev.basepoint.ipc.server.VirtioFeatures;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.GuestDriver;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.MalformedChains;
import dev.basepoint.ipc.virtqueue.PopResult;
import dev.basepoint.ipc.virtqueue.QueuePosition;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.virtqueue.VirtqUsed;
import dev.basepoint.ipc.window.WindowLayout;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Over a million hostile chains against the device, judged by a second implementation. */
class BlkPropertyTest {
  private static final List<Integer> QUEUE_SIZES = List.of(4, 16, 64, 256);
  private static final int STEPS_PER_QUEUE_SIZE = 150_000;
  private static final int STEPS_UNDER_SCRIBBLING = 60_000;
  private static final long HEAP_BYTES = 64 * 1024;
  private static final int IMAGE_BYTES = 16 << 10;

  static LongStream seeds() {
    return LongStream.of(0x5eed, System.nanoTime());
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void hostileChainsGetWhatTheyDeserveAndACorrectRequestWorksAfterwards(long seed)
      throws IOException {
    for (int queueSize : QUEUE_SIZES) {
      try (Attack attack = new Attack(queueSize, Waiting.NEVER, seed + queueSize)) {
        attack.run();
      }
    }
  }

  @Test
  void requestsThatChangeWhileTheyAreServedHarmNothing() throws Exception {
    for (Waiting waiting : Waiting.values()) {
      try (Attack attack = new Attack(64, waiting, System.nanoTime())) {
        attack.runWhileScribbling();
      }
    }
  }

  /** Headers that a device might take for its own, with ranges behind them. */
  private static byte[] header(SplittableRandom random) {
    int type =
        random.nextInt(8) == 0
            ? random.nextInt()
            : new int[] {
                  RequestBytes.IN,
                  RequestBytes.OUT,
                  RequestBytes.OUT,
                  RequestBytes.FLUSH,
                  RequestBytes.GET_ID,
                  RequestBytes.DISCARD,
                  RequestBytes.WRITE_ZEROES
                }
                [random.nextInt(7)];
    byte[][] ranges = new byte[random.nextInt(4)][];
    Arrays.setAll(
        ranges,
        _ ->
            RequestBytes.range(
                sector(random),
                random.nextInt(8) == 0 ? random.nextInt() : random.nextInt(8),
                random.nextInt(8) == 0 ? random.nextInt(4) : random.nextInt(2)));
    return RequestBytes.header(type, sector(random), ranges);
  }

  private static long sector(SplittableRandom random) {
    return switch (random.nextInt(8)) {
      case 0 -> random.nextLong();
      case 1 -> -random.nextInt(64);
      case 2 -> IMAGE_BYTES / 512 - random.nextInt(4);
      case 3 -> 1L << (52 + random.nextInt(12));
      default -> random.nextInt(IMAGE_BYTES / 512);
    };
  }

  /** One device under attack. */
  private static final class Attack implements AutoCloseable {
    private final WindowLayout layout;
    private final GuardedMemory guarded;
    private final GuestMemory memory;
    private final RingAddresses addresses;
    private final MalformedChains chains;
    private final TestFrame frame = new TestFrame();
    private final VirtioDevice device;
    private final long features;
    private final TestImage image;
    private final RequestJudge judge;
    private final byte[] model = new byte[IMAGE_BYTES];
    private final DescriptorChain chain;
    private final SplittableRandom random;
    private long statusGpa;
    private long expectedLength;
    private long judged;
    private long changed;

    Attack(int queueSize, Waiting waiting, long seed) throws IOException {
      random = new SplittableRandom(seed);
      layout = WindowLayout.compute(List.of(queueSize), HEAP_BYTES);
      guarded = new GuardedMemory(layout.totalBytes());
      memory = guarded.guestMemory(0);
      addresses = layout.queues().getFirst();
      chains = new MalformedChains(memory, addresses, layout.slotsOffset(), HEAP_BYTES, seed);
      chains.headersFrom(BlkPropertyTest::header);
      chain = new DescriptorChain(queueSize);
      image =
          new TestImage(new ImageTraits(IMAGE_BYTES, false, true, 512, waiting, waiting), false);
      judge = new RequestJudge(IMAGE_BYTES, Math.min(126, queueSize - 2));
      BlkSettings settings = new BlkSettings("disk", "serial", 1, queueSize, 512, true);
      device =
          frame.<SupervisionRequest.ConfigureBlk>configure(
              (_, host) -> new BlkDevice(settings, image, host), null);
      features = device.deviceFeatures() | VirtioFeatures.TRANSPORT;
      activate();
    }

    private void activate() throws IOException {
      frame.activate(memory, features, addresses);
    }

    void run() throws IOException {
      for (int step = 0; step < STEPS_PER_QUEUE_SIZE; step++) {
        try {
          if (random.nextInt(16) == 0) {
            sendNearlyGoodRequests();
          }
          chains.next();
          check(step % 8 == 0);
        } catch (AssertionError | RuntimeException e) {
          throw new AssertionError(chains.describe() + ", queue size " + addresses.queueSize(), e);
        }
      }
      assertTrue(judged > STEPS_PER_QUEUE_SIZE / 20, judged + " chains were judged");
      assertTrue(changed > STEPS_PER_QUEUE_SIZE / 300, changed + " requests were good writes");
      assertTrue(frame.count("errors") > STEPS_PER_QUEUE_SIZE / 10, "most chains are bad");
      assertEquals(0, frame.count("ioErrors"));
      serveCorrectRequest();
      guarded.assertCanariesIntact();
    }

    /** What the generator of chains hits too seldom: right lengths, and those just beside them. */
    private void sendNearlyGoodRequests() throws IOException {
      restart();
      GuestDriver guest = chains.handOver(features);
      for (int i = 0; i < 8; i++) {
        byte[] header = header(random);
        int dataBytes = 512 * random.nextInt(4) + (random.nextInt(4) == 0 ? random.nextInt(16) : 0);
        byte[] data = RequestBytes.pattern(dataBytes, i);
        int room =
            switch (random.nextInt(4)) {
              case 0 -> 1 + random.nextInt(600);
              case 1 -> 513;
              default -> 1;
            };
        byte[] bare = Arrays.copyOf(header, 16);
        switch (random.nextInt(4)) {
          case 0 -> guest.submit(Buffer.readable(header), Buffer.writable(room));
          case 1 -> guest.submit(Buffer.readable(bare), Buffer.writable(dataBytes + room));
          case 2 ->
              guest.submit(Buffer.readable(bare), Buffer.readable(data), Buffer.writable(room));
          default ->
              guest.submitIndirect(
                  Buffer.readable(Arrays.copyOf(header, 5)),
                  Buffer.readable(Arrays.copyOfRange(header, 5, header.length)),
                  Buffer.writable(room));
        }
        guest.publish();
        check(i == 0);
        assertTrue(guest.poll().isPresent(), "the request was not completed");
      }
      restart();
    }

    private void restart() throws IOException {
      frame.reset();
      chains.restart();
      activate();
    }

    private void check(boolean watched) throws IOException {
      List<Range> writable = new ArrayList<>();
      Verdict verdict = foresee(writable);
      if (watched && verdict != null) {
        guarded.remember();
      }
      int before = usedIdx();
      frame.kick(0);
      if (verdict == null) {
        // More than one chain, or one that writes where others are read: no telling beforehand.
        System.arraycopy(image.contents(), 0, model, 0, IMAGE_BYTES);
      } else {
        verify(verdict, before);
        if (watched) {
          guarded.assertOnlyChanged(writable);
          guarded.assertCanariesIntact();
        }
      }
      if (frame.broken() != null || verdict == null) {
        restart();
      }
    }

    /** The verdict over the one chain in the ring, or null if there is no such thing. */
    private Verdict foresee(List<Range> writable) {
      writable.add(new Range(addresses.usedGpa(), layout.slotsOffset() - addresses.usedGpa()));
      // A second reader of the same ring.
      DeviceQueue reader = openReader();
      PopResult result = reader.pop(chain);
      if (result != PopResult.CHAIN) {
        // Nothing good may follow a bad chain either; of those we know only that they end.
        return result.isChainFault() && reader.hasPending()
            ? null
            : new Verdict(RequestJudge.NO_STATUS, List.of());
      }
      statusGpa = -1;
      expectedLength = chain.writableBytes();
      for (int i = chain.readableCount(); i < chain.count(); i++) {
        if (chain.gpa(i) < layout.slotsOffset()) {
          return null;
        }
        writable.add(new Range(chain.gpa(i), chain.length(i)));
        statusGpa = chain.gpa(i) + chain.length(i) - 1;
      }
      Verdict verdict = judge.judge(chain);
      return reader.hasPending() ? null : verdict;
    }

    private DeviceQueue openReader() {
      QueuePosition position = new QueuePosition(usedIdx(), usedIdx());
      return switch (DeviceQueue.open(
          memory, addresses, features, device.limits(addresses.queueSize()), position)) {
        case DeviceQueue.Opened(DeviceQueue queue) -> queue;
        case DeviceQueue.Refused refused -> throw new AssertionError(refused);
      };
    }

    private int usedIdx() {
      return memory.readU16(addresses.usedGpa() + VirtqUsed.IDX_OFFSET);
    }

    private void verify(Verdict verdict, int before) {
      if (verdict.status() == RequestJudge.NO_STATUS) {
        assertEquals(0, image.writeCount(), "a chain without a status wrote to the image");
        return;
      }
      judged++;
      assertEquals((before + 1) & 0xffff, usedIdx());
      assertEquals(verdict.status(), memory.readU8(statusGpa), "status");
      assertEquals(
          expectedLength,
          memory.readU32(
              addresses.usedGpa()
                  + VirtqUsed.RING_OFFSET
                  + (before & (addresses.queueSize() - 1)) * VirtqUsed.ENTRY_BYTES
                  + VirtqUsed.ENTRY_LEN_OFFSET),
          "used length");
      for (Change change : verdict.changes()) {
        System.arraycopy(change.bytes(), 0, model, change.offset(), change.bytes().length);
        changed++;
      }
      if (image.takeWriteCount() > 0 || !verdict.changes().isEmpty()) {
        assertArrayEquals(model, image.contents());
      }
    }

    void runWhileScribbling() throws Exception {
      AtomicBoolean stop = new AtomicBoolean();
      AtomicReference<Throwable> failure = new AtomicReference<>();
      Thread scribbler =
          Thread.ofPlatform()
              .daemon()
              .uncaughtExceptionHandler((_, thrown) -> failure.set(thrown))
              .start(() -> chains.scribble(stop));
      try {
        for (int step = 0; step < STEPS_UNDER_SCRIBBLING; step++) {
          chains.next();
          frame.kick(0);
          if (frame.broken() != null) {
            restart();
          }
        }
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError(chains.describe(), e);
      } finally {
        stop.set(true);
        scribbler.join();
      }
      assertNull(failure.get());
      guarded.assertCanariesIntact();
      assertTrue(frame.count("requests") > STEPS_UNDER_SCRIBBLING / 10, "some are served");
      assertEquals(0, frame.count("ioErrors"));
      serveCorrectRequest();
    }

    /** A write and a read of what was written, after a reset that the guest's driver makes. */
    private void serveCorrectRequest() throws IOException {
      restart();
      GuestDriver guest = chains.handOver(features);
      int sector = random.nextInt(IMAGE_BYTES / 512);
      byte[] data = RequestBytes.pattern(512, random.nextInt());
      guest.submit(
          Buffer.readable(RequestBytes.header(RequestBytes.OUT, sector)),
          Buffer.readable(data),
          Buffer.writable(1));
      guest.publish();
      frame.kick(0);
      assertEquals(RequestBytes.OK, BlkBench.status(guest.poll().orElseThrow()));
      guest.submit(
          Buffer.readable(RequestBytes.header(RequestBytes.IN, sector)), Buffer.writable(513));
      guest.publish();
      frame.kick(0);
      GuestDriver.Completion done = guest.poll().orElseThrow();
      assertEquals(RequestBytes.OK, BlkBench.status(done));
      assertEquals(513, done.usedLength());
      assertArrayEquals(data, Arrays.copyOf(done.written(), 512));
      System.arraycopy(image.contents(), 0, model, 0, IMAGE_BYTES);
      image.takeWriteCount();
      restart();
    }

    @Override
    public void close() throws IOException {
      frame.close();
      guarded.close();
    }
  }
}
