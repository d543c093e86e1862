package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A hostile front end, for as many malformed messages and chains as a test asks for. Everything is
 * a function of the seed.
 *
 * <p>A message counts as malformed if the codec or the session must refuse it or may: each is made
 * by chance from codes, sizes, flags, descriptors and numbers at the edges. A server may answer,
 * refuse or hang up; the attack only insists that it does one of them, and that the next connection
 * is served.
 */
public final class VhostUserAttack implements AutoCloseable {
  private static final long HEAP_BYTES = 256 << 10;
  private static final int QUEUE_SIZE = 256;

  /** Messages that are refused without an end of the connection travel in groups. */
  private static final int MESSAGES_PER_ROUND = 16;

  private final String socket;
  private final SplittableRandom random;
  private final Fd file = MemFd.create("attack", 1 << 20);
  private final EventFd event = EventFd.create();
  private final UnixSocket[] pair = UnixSocket.pair();
  private final List<Fd> descriptors;

  public VhostUserAttack(String socket, long seed) throws IOException {
    this.socket = socket;
    random = new SplittableRandom(seed);
    descriptors = List.of(file, event.fd(), pair[0].fd());
  }

  /**
   * Sends malformed messages until {@code count} were sent; returns how often it was hung up on.
   */
  public int sendMessages(long count) throws IOException {
    long sent = 0;
    int hangUps = 0;
    while (sent < count) {
      try (TestFrontEnd frontEnd = new TestFrontEnd(UnixSocket.connect(socket))) {
        prepare(frontEnd);
        boolean open = true;
        for (int round = 0; open && round < 64 && sent < count; round++) {
          // Most rounds could be refused message by message; the others break the framing.
          boolean framed = random.nextInt(8) != 0;
          int messages = framed ? MESSAGES_PER_ROUND : 1;
          for (int i = 0; i < messages; i++) {
            open &= framed ? sendRefusable(frontEnd) : sendMalformed(frontEnd);
            sent++;
          }
          open &= isAnswered(frontEnd);
        }
        hangUps += open ? 0 : 1;
      }
    }
    return hangUps;
  }

  /** As far as a front end comes that is to be believed at first. */
  private void prepare(TestFrontEnd frontEnd) throws IOException {
    switch (random.nextInt(3)) {
      case 0 -> {}
      case 1 -> frontEnd.negotiate();
      default -> frontEnd.startAll(HEAP_BYTES, 16);
    }
  }

  /** Whether the server still answers; false if it has hung up. */
  private static boolean isAnswered(TestFrontEnd frontEnd) throws IOException {
    VhostUserFrame probe = VhostUserCodec.encode(new FrontEndRequest.GetFeatures(), false);
    long deadline = System.nanoTime() + TestFrontEnd.GENEROUS.toNanos();
    try {
      frontEnd.channel().send(probe);
      while (true) {
        VhostUserFrame answer = frontEnd.channel().receive(deadline);
        if (answer == null) {
          return false;
        }
        answer.fds().forEach(Fd::close);
        if (answer.request() == probe.request() && answer.payload().length == Long.BYTES) {
          return true;
        }
      }
    } catch (dev.basepoint.ipc.linux.ErrnoException e) {
      return false;
    }
  }

  private boolean send(TestFrontEnd frontEnd, VhostUserFrame frame) {
    try {
      frontEnd.channel().send(frame);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /** Right in form and wrong in content. */
  private boolean sendRefusable(TestFrontEnd frontEnd) {
    int index = random.nextInt(4) == 0 ? random.nextInt() : random.nextInt(3);
    FrontEndRequest request =
        switch (random.nextInt(11)) {
          case 0 -> new FrontEndRequest.SetFeatures(edge() | 1L << 50);
          case 1 -> new FrontEndRequest.SetProtocolFeatures(edge() | 1L << 40);
          case 2 -> new FrontEndRequest.SetVringNum(index, (int) edge() | 3);
          case 3 -> new FrontEndRequest.SetVringBase(index, (int) edge() | 1 << 16);
          case 4 ->
              new FrontEndRequest.SetVringAddr(
                  index, random.nextInt(2), edge(), edge(), edge(), edge());
          case 5 -> new FrontEndRequest.AddMemReg(region());
          case 6 -> new FrontEndRequest.SetMemTable(List.of(region(), region()));
          case 7 -> new FrontEndRequest.SetConfig((int) edge(), true, new byte[8]);
          case 8 -> new FrontEndRequest.SetVringCall(random.nextInt(256), file);
          case 9 ->
              new FrontEndRequest.SetInflightFd(
                  edge(), edge(), random.nextInt(4), random.nextInt(0x10000), file);
          default ->
              new FrontEndRequest.RemMemReg(new SharedRegion(edge(), edge(), edge(), 0, null));
        };
    VhostUserFrame frame = VhostUserCodec.encode(request, true);
    return send(frontEnd, frame);
  }

  private SharedRegion region() {
    return new SharedRegion(edge(), edge(), edge(), edge(), file);
  }

  /** Any bytes, mostly with a header that makes the server look at them. */
  private boolean sendMalformed(TestFrontEnd frontEnd) {
    byte[] payload = new byte[random.nextInt(300)];
    if (random.nextBoolean()) {
      random.nextBytes(payload);
    }
    int fdCount = random.nextInt(4) == 0 ? random.nextInt(VhostUserFrame.FDS_MAX + 1) : 0;
    List<Fd> fds = new ArrayList<>();
    for (int i = 0; i < fdCount; i++) {
      fds.add(descriptors.get(random.nextInt(descriptors.size())));
    }
    int code = random.nextInt(16) == 0 ? random.nextInt() : random.nextInt(45);
    int flags = random.nextInt(8) == 0 ? random.nextInt() : 1 | random.nextInt(2) << 3;
    return send(frontEnd, new VhostUserFrame(code, flags, payload, fds));
  }

  private long edge() {
    return switch (random.nextInt(12)) {
      case 0 -> 0;
      case 1 -> -1;
      case 2 -> Long.MIN_VALUE;
      case 3 -> Long.MAX_VALUE;
      case 4 -> 0xffff_ffffL;
      case 5 -> 0x8000_0000L;
      case 6 -> -4096;
      case 7 -> 4096L * random.nextInt(1024);
      case 8 -> 1L << random.nextInt(64);
      case 9 -> TestFrontEnd.RINGS_GPA + random.nextInt(1 << 20) - (1 << 19);
      default -> random.nextLong() >>> random.nextInt(64);
    };
  }

  /**
   * Puts malformed chains before queue {@code queue}, in batches of up to half its size, until
   * {@code count} have been offered. The server must return each batch, or call the ring broken.
   *
   * @param queues how many queues the device needs, all of which are started
   * @return how many rings were broken
   */
  public int offerChains(int queues, int queue, long count) throws IOException {
    long offered = 0;
    int broken = 0;
    while (offered < count) {
      try (TestFrontEnd frontEnd = new TestFrontEnd(UnixSocket.connect(socket));
          EventFd err = EventFd.create()) {
        int[] sizes = new int[queues];
        Arrays.fill(sizes, QUEUE_SIZE);
        frontEnd.startAll(HEAP_BYTES, sizes);
        frontEnd.tell(new FrontEndRequest.SetVringErr(queue, err.fd()));
        int nextAvail = 0;
        for (int batch = 0; batch < 2_000 && offered < count; batch++) {
          int heads = 1 + random.nextInt(QUEUE_SIZE / 2);
          boolean wrongRing = random.nextInt(400) == 0;
          scramble(frontEnd, queue);
          offer(frontEnd, queue, nextAvail, heads, wrongRing);
          offered += heads;
          if (!isReturned(frontEnd, queue, nextAvail + heads, err)) {
            broken++;
            frontEnd.stop(queue);
            frontEnd.resetDrivers();
            frontEnd.start(queue, 0);
            nextAvail = 0;
          } else {
            nextAvail = (nextAvail + heads) & 0xffff;
          }
        }
        frontEnd.stop(queue);
      }
    }
    return broken;
  }

  /** Random descriptors that mostly lie inside memory, so that walks go deep. */
  private void scramble(TestFrontEnd frontEnd, int queue) {
    GuestMemory memory = frontEnd.memory();
    RingAddresses ring = frontEnd.ring(queue);
    boolean rough = random.nextInt(4) == 0;
    for (int i = 0; i < QUEUE_SIZE; i++) {
      long at = ring.descGpa() + i * 16L;
      long inside = TestFrontEnd.HEAP_GPA + random.nextInt((int) HEAP_BYTES);
      memory.writeU64(at, random.nextInt(rough ? 2 : 12) == 0 ? edge() : inside);
      int length = random.nextInt(8) == 0 ? 16 * random.nextInt(64) : random.nextInt(1024);
      memory.writeU32(at + 8, rough ? (int) edge() : length);
      memory.writeU16(at + 12, random.nextInt(random.nextInt(8) == 0 ? 0x10000 : 8));
      memory.writeU16(at + 14, random.nextInt(QUEUE_SIZE + 1));
    }
    // What is a table, a header or data to somebody.
    for (int i = 0; i < 64; i++) {
      long at = TestFrontEnd.HEAP_GPA + (random.nextInt((int) HEAP_BYTES) & ~15);
      memory.writeU64(at, random.nextInt(16));
      memory.writeU64(at + 8, random.nextBoolean() ? edge() : random.nextInt(64));
    }
  }

  private void offer(TestFrontEnd frontEnd, int queue, int from, int heads, boolean wrongRing) {
    GuestMemory memory = frontEnd.memory();
    RingAddresses ring = frontEnd.ring(queue);
    int shift = random.nextInt(QUEUE_SIZE);
    for (int i = 0; i < heads; i++) {
      int head = (shift + i) & (QUEUE_SIZE - 1);
      if (wrongRing && i == heads / 2) {
        head = QUEUE_SIZE + random.nextInt(0x10000 - QUEUE_SIZE);
      }
      memory.writeU16(ring.availGpa() + 4 + ((from + i) & (QUEUE_SIZE - 1)) * 2L, head);
    }
    java.lang.invoke.VarHandle.fullFence();
    memory.writeU16(ring.availGpa() + 2, from + heads);
    java.lang.invoke.VarHandle.fullFence();
    frontEnd.kick(queue).signal();
  }

  /** Waits until all chains have come back; false if the ring is called broken instead. */
  private static boolean isReturned(TestFrontEnd frontEnd, int queue, int upTo, EventFd err)
      throws IOException {
    RingAddresses ring = frontEnd.ring(queue);
    GuestMemory memory = frontEnd.memory();
    long deadline = System.nanoTime() + TestFrontEnd.GENEROUS.toNanos();
    while (true) {
      int used = memory.readU16(ring.usedGpa() + 2);
      if (used == (upTo & 0xffff)) {
        return true;
      }
      // Wake us at the next chain that comes back.
      memory.writeU16(ring.availGpa() + 4 + QUEUE_SIZE * 2L, used);
      java.lang.invoke.VarHandle.fullFence();
      if (memory.readU16(ring.usedGpa() + 2) != used) {
        continue;
      }
      if (Poll.await(err.fd(), Poll.POLLIN, System.nanoTime()) && err.drain() > 0) {
        return false;
      }
      // In slices, since two descriptors can wake us.
      long slice = System.nanoTime() + 2_000_000;
      if (Poll.await(frontEnd.call(queue).fd(), Poll.POLLIN, slice)) {
        frontEnd.call(queue).drain();
      }
      if (System.nanoTime() > deadline) {
        throw new AssertionError(
            "queue " + queue + " returned " + used + " of " + (upTo & 0xffff) + " and is silent");
      }
    }
  }

  @Override
  public void close() {
    file.close();
    event.close();
    pair[0].close();
    pair[1].close();
  }
}
