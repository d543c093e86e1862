package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.memory.MemoryRegion;
import dev.basepoint.ipc.virtqueue.GuestDriver;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.window.SlotAllocator;
import dev.basepoint.ipc.window.WindowLayout;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * A vhost-user front end for tests, with memory in two regions at addresses that are equal to no
 * file offset and to no address of its own: rings in the first, buffers in the second.
 */
public final class TestFrontEnd implements AutoCloseable {
  public static final Duration GENEROUS = Duration.ofSeconds(60);
  public static final long RINGS_GPA = 0x1_0000_0000L;
  public static final long HEAP_GPA = 0x9_0000_0000L;

  private final VhostUserChannel channel;
  private final List<EventFd> kicks = new ArrayList<>();
  private final List<EventFd> calls = new ArrayList<>();
  private final List<RingAddresses> rings = new ArrayList<>();
  private final List<GuestDriver> guests = new ArrayList<>();
  private boolean acknowledges;
  private long features;
  private WindowLayout layout;
  private Fd memfd;
  private Mapping mapping;
  private GuestMemory memory;

  public TestFrontEnd(Fd socket) throws IOException {
    channel = new VhostUserChannel(UnixSocket.own(socket), GENEROUS);
  }

  public VhostUserChannel channel() {
    return channel;
  }

  private static long soon() {
    return System.nanoTime() + GENEROUS.toNanos();
  }

  /** Asks for something that is always answered. */
  public BackEndReply ask(FrontEndRequest request) throws IOException {
    VhostUserFrame frame = VhostUserCodec.encode(request, false);
    channel.send(frame);
    return VhostUserCodec.decodeReply(RequestCode.of(frame.request()).orElseThrow(), receive());
  }

  /** Asks for a number. */
  public long askValue(FrontEndRequest request) throws IOException {
    return ((BackEndReply.Value) ask(request)).value();
  }

  /** Sends something that is not answered unless acknowledgements are; returns the status. */
  public long tell(FrontEndRequest request) throws IOException {
    VhostUserFrame frame = VhostUserCodec.encode(request, acknowledges);
    channel.send(frame);
    return acknowledges
        ? ((BackEndReply.Value)
                VhostUserCodec.decodeReply(
                    RequestCode.of(frame.request()).orElseThrow(), receive()))
            .value()
        : 0;
  }

  private void require(FrontEndRequest request) throws IOException {
    long status = tell(request);
    if (status != 0) {
      throw new AssertionError(request + " was refused with " + status);
    }
  }

  private VhostUserFrame receive() throws IOException {
    VhostUserFrame frame = channel.receive(soon());
    if (frame == null) {
      throw new IOException("the back end hung up");
    }
    return frame;
  }

  /** Negotiates all that is on offer, with acknowledgements. */
  public void negotiate() throws IOException {
    long offered = askValue(new FrontEndRequest.GetProtocolFeatures());
    require(new FrontEndRequest.SetProtocolFeatures(offered));
    acknowledges = (offered & ProtocolFeatures.REPLY_ACK) != 0;
    require(new FrontEndRequest.SetOwner());
    features = askValue(new FrontEndRequest.GetFeatures());
    require(new FrontEndRequest.SetFeatures(features));
  }

  /** Makes memory and rings, and shares the memory. */
  public void share(long heapBytes, int... queueSizes) throws IOException {
    layout = WindowLayout.compute(IntStream.of(queueSizes).boxed().toList(), heapBytes);
    memfd = MemFd.create("guest", layout.totalBytes());
    mapping = Mapping.shared(memfd, 0, layout.totalBytes(), true);
    memory =
        new GuestMemory(
            List.of(
                new MemoryRegion(
                    RINGS_GPA,
                    layout.slotsOffset(),
                    mapping.segment().asSlice(0, layout.slotsOffset())),
                new MemoryRegion(
                    HEAP_GPA,
                    layout.slotsBytes(),
                    mapping.segment().asSlice(layout.slotsOffset()))));
    for (int i = 0; i < queueSizes.length; i++) {
      RingAddresses ring = layout.queues().get(i);
      rings.add(
          new RingAddresses(
              queueSizes[i],
              RINGS_GPA + ring.descGpa(),
              RINGS_GPA + ring.availGpa(),
              RINGS_GPA + ring.usedGpa()));
      kicks.add(EventFd.create());
      calls.add(EventFd.create());
    }
    shareAgain();
    resetDrivers();
  }

  /** Shares the same memory once more, as after a reconnection. */
  public void shareAgain() throws IOException {
    require(new FrontEndRequest.SetMemTable(regions()));
  }

  /** The two regions as the back end is told of them. */
  public List<SharedRegion> regions() {
    long user = mapping.segment().address();
    return List.of(
        new SharedRegion(RINGS_GPA, layout.slotsOffset(), user, 0, memfd),
        new SharedRegion(
            HEAP_GPA,
            layout.slotsBytes(),
            user + layout.slotsOffset(),
            layout.slotsOffset(),
            memfd));
  }

  /** Zeroes the rings and begins with new drivers. */
  public void resetDrivers() {
    mapping.segment().asSlice(0, layout.slotsOffset()).fill((byte) 0);
    SlotAllocator heap = new SlotAllocator(HEAP_GPA, layout.slotsBytes());
    guests.clear();
    for (RingAddresses ring : rings) {
      guests.add(new GuestDriver(memory, ring, heap, features));
    }
  }

  /** Sets a queue up from ring index {@code base} on and lets it be served. */
  public void start(int queue, int base) throws IOException {
    require(new FrontEndRequest.SetVringNum(queue, rings.get(queue).queueSize()));
    require(new FrontEndRequest.SetVringBase(queue, base));
    require(address(queue));
    require(new FrontEndRequest.SetVringCall(queue, calls.get(queue).fd()));
    require(new FrontEndRequest.SetVringKick(queue, kicks.get(queue).fd()));
    require(new FrontEndRequest.SetVringEnable(queue, true));
  }

  /** The message that places a queue's ring. */
  public FrontEndRequest.SetVringAddr address(int queue) {
    RingAddresses ring = rings.get(queue);
    long delta = mapping.segment().address() - RINGS_GPA;
    return new FrontEndRequest.SetVringAddr(
        queue, 0, ring.descGpa() + delta, ring.usedGpa() + delta, ring.availGpa() + delta, 0);
  }

  /** Everything from the first message to served queues 0, 1, ... */
  public void startAll(long heapBytes, int... queueSizes) throws IOException {
    negotiate();
    share(heapBytes, queueSizes);
    for (int i = 0; i < queueSizes.length; i++) {
      start(i, 0);
    }
  }

  /** Stops a queue; returns where it is to go on. */
  public int stop(int queue) throws IOException {
    return ((BackEndReply.VringBase) ask(new FrontEndRequest.GetVringBase(queue))).base();
  }

  public long features() {
    return features;
  }

  public GuestMemory memory() {
    return memory;
  }

  public Fd memfd() {
    return memfd;
  }

  public RingAddresses ring(int queue) {
    return rings.get(queue);
  }

  public GuestDriver guest(int queue) {
    return guests.get(queue);
  }

  public EventFd kick(int queue) {
    return kicks.get(queue);
  }

  public EventFd call(int queue) {
    return calls.get(queue);
  }

  /** Publishes what was submitted, and kicks if that is wanted. */
  public void publish(int queue) {
    if (guest(queue).publish()) {
      kick(queue).signal();
    }
  }

  /** Sends one request and waits for its completion. */
  public GuestDriver.Completion request(int queue, GuestDriver.Buffer... buffers)
      throws IOException {
    guest(queue).submit(buffers);
    publish(queue);
    return await(queue);
  }

  /** Waits for a completion. */
  public GuestDriver.Completion await(int queue) throws IOException {
    long deadline = soon();
    while (true) {
      Optional<GuestDriver.Completion> done = guest(queue).poll();
      if (done.isPresent()) {
        return done.get();
      }
      if (guest(queue).enableCalls()) {
        continue;
      }
      if (!Poll.await(call(queue).fd(), Poll.POLLIN, deadline)) {
        throw new AssertionError("no completion on queue " + queue);
      }
      call(queue).drain();
    }
  }

  /** Hangs up; the memory stays. */
  public void hangUp() {
    channel.close();
  }

  @Override
  public void close() {
    channel.close();
    kicks.forEach(EventFd::close);
    calls.forEach(EventFd::close);
    if (mapping != null) {
      mapping.close();
      memfd.close();
    }
  }
}
