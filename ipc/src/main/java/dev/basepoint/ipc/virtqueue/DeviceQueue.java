package dev.basepoint.ipc.virtqueue;

import dev.basepoint.ipc.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.Optional;

/**
 * The device's side of a split virtqueue, virtio 1.2 §2.7. The driver is presumed malicious and
 * writes to the shared memory at any time: every field is read once into a local, checked when it
 * is used, and never read again for the same chain.
 *
 * <p>Belongs to one thread. Nothing allocates after {@link #open}.
 *
 * <p>Use: {@link #pop} until EMPTY, {@link #push} for each request that is done, {@link #publish}
 * once per batch and send a call if it says so; before sleeping, {@link #enableKicks} and go on if
 * it says that more came meanwhile.
 */
public final class DeviceQueue {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;

  private final GuestMemory memory;
  private final ChainWalker walker;
  private final MemorySegment avail;
  private final MemorySegment used;
  private final int queueSize;
  private final int mask;
  private final boolean eventIdx;
  private final QueueLimits limits;
  private final boolean[] headInFlight;
  private final int[] poppedHeads;
  private final long[] writableBytes;

  private int nextAvail;
  private int seenAvail;
  private int nextUsed;
  private int publishedUsed;
  private int toReopen;
  private PopResult ringFault = PopResult.EMPTY;

  /** The outcome of {@link #open}. */
  public sealed interface Opening {}

  /** The queue is ready. */
  public record Opened(DeviceQueue queue) implements Opening {}

  /** The driver's addresses do not allow a queue. */
  public record Refused(RingAddresses.Refusal refusal, RingAddresses addresses)
      implements Opening {}

  private DeviceQueue(
      GuestMemory memory,
      RingAddresses addresses,
      long features,
      QueueLimits limits,
      QueuePosition position) {
    this.memory = memory;
    this.limits = limits;
    walker = new ChainWalker(memory, addresses, features, limits);
    avail = addresses.avail(memory);
    used = addresses.used(memory);
    queueSize = addresses.queueSize();
    mask = queueSize - 1;
    eventIdx = (features & RingFeatures.VIRTIO_F_EVENT_IDX) != 0;
    headInFlight = new boolean[queueSize];
    poppedHeads = new int[queueSize];
    Arrays.fill(poppedHeads, -1);
    writableBytes = new long[queueSize];
    nextAvail = position.nextAvail();
    seenAvail = nextAvail;
    nextUsed = position.nextUsed();
    publishedUsed = nextUsed;
    toReopen = position.inFlight();
  }

  /** Opens a queue at its start, with the limits of the specification. */
  public static Opening open(GuestMemory memory, RingAddresses addresses, long features) {
    // A bad size is refused below; until then it only must not be an impossible limit.
    int descriptors = RingAddresses.isQueueSize(addresses.queueSize()) ? addresses.queueSize() : 1;
    return open(
        memory, addresses, features, QueueLimits.ofSpecification(descriptors), QueuePosition.START);
  }

  /**
   * Opens a queue.
   *
   * @param features the negotiated features; those in {@link RingFeatures} matter
   * @param position where to go on; chains in flight there are taken over by {@link #reopen}
   * @throws IllegalArgumentException if more are in flight there than the queue can hold
   */
  public static Opening open(
      GuestMemory memory,
      RingAddresses addresses,
      long features,
      QueueLimits limits,
      QueuePosition position) {
    Optional<RingAddresses.Refusal> refusal = addresses.refusal(memory);
    if (refusal.isPresent()) {
      return new Refused(refusal.get(), addresses);
    }
    if (position.inFlight() > addresses.queueSize()) {
      throw new IllegalArgumentException(position + " of a queue of " + addresses.queueSize());
    }
    return new Opened(new DeviceQueue(memory, addresses, features, limits, position));
  }

  /** The number of descriptors. */
  public int queueSize() {
    return queueSize;
  }

  /** Makes a chain object that fits this queue's limits. */
  public DescriptorChain newChain() {
    return new DescriptorChain(limits.maxDescriptors());
  }

  /** Whether there is something to pop: one load, for polling loops. False after a ring fault. */
  public boolean hasPending() {
    return ringFault == PopResult.EMPTY && (nextAvail != seenAvail || availIdx() != nextAvail);
  }

  /**
   * Takes the next available chain.
   *
   * @param chain filled if the answer is CHAIN; after a chain fault it holds the head only
   */
  public PopResult pop(DescriptorChain chain) {
    chain.clear();
    if (ringFault != PopResult.EMPTY) {
      return ringFault;
    }
    if (nextAvail == seenAvail) {
      int idx = availIdx();
      if (idx == nextAvail) {
        return PopResult.EMPTY;
      }
      // A driver cannot have more chains outstanding than the table has descriptors.
      if (((idx - nextAvail) & 0xffff) > queueSize - inFlight()) {
        return breakRing(PopResult.AVAIL_INDEX_JUMP);
      }
      seenAvail = idx;
    }
    long entry = VirtqAvail.RING_OFFSET + (nextAvail & mask) * VirtqAvail.ENTRY_BYTES;
    int head = Short.toUnsignedInt((short) VirtqAvail.U16.get(avail, entry));
    if (head >= queueSize) {
      return breakRing(PopResult.HEAD_OUT_OF_RANGE);
    }
    if (headInFlight[head]) {
      return breakRing(PopResult.HEAD_IN_FLIGHT);
    }
    poppedHeads[nextAvail & mask] = head;
    nextAvail = (nextAvail + 1) & 0xffff;
    return take(head, chain);
  }

  /**
   * Puts the chain popped last back, unserved, because something else is lacking: it waits in the
   * ring. Until that is there, the ring is pending and {@link #enableKicks} keeps saying so.
   * Several chains are put back in reverse order.
   *
   * @throws IllegalArgumentException if another chain was popped last
   */
  public void unpop(int headId) {
    if (!isLastPopped(headId)) {
      throw new IllegalArgumentException("head " + headId + " was not popped last");
    }
    headInFlight[headId] = false;
    nextAvail = (nextAvail - 1) & 0xffff;
  }

  /** Whether {@link #unpop} would accept this chain: it is in flight, and the last one popped. */
  public boolean isLastPopped(int headId) {
    return headId >= 0
        && headId < queueSize
        && headInFlight[headId]
        && poppedHeads[(nextAvail - 1) & mask] == headId;
  }

  /**
   * Reads a chain that was in flight at the position this queue was opened with, so that its
   * request can be served again.
   *
   * @throws IllegalArgumentException if no such chain can be in flight
   */
  public PopResult reopen(int headId, DescriptorChain chain) {
    if (headId < 0 || headId >= queueSize || headInFlight[headId] || toReopen == 0) {
      throw new IllegalArgumentException("head " + headId + " cannot be reopened");
    }
    toReopen--;
    chain.clear();
    return take(headId, chain);
  }

  /** Chains popped and not yet published as used. */
  public int inFlight() {
    return (nextAvail - publishedUsed) & 0xffff;
  }

  /**
   * Puts a chain into the used ring, for the next {@link #publish}.
   *
   * @param headId of a popped chain, good or bad
   * @param writtenBytes how many bytes the device wrote from the start of the writable part
   * @throws IllegalArgumentException if the chain is not in flight or has fewer writable bytes
   */
  public void push(int headId, long writtenBytes) {
    if (headId < 0 || headId >= queueSize || !headInFlight[headId]) {
      throw new IllegalArgumentException("head " + headId + " is not in flight");
    }
    if (writtenBytes < 0 || writtenBytes > writableBytes[headId]) {
      throw new IllegalArgumentException(
          writtenBytes + " bytes written, " + writableBytes[headId] + " writable");
    }
    headInFlight[headId] = false;
    used.set(
        WORD,
        VirtqUsed.RING_OFFSET + (nextUsed & mask) * VirtqUsed.ENTRY_BYTES,
        VirtqUsed.entry(headId, writtenBytes));
    nextUsed = (nextUsed + 1) & 0xffff;
  }

  /**
   * Makes all pushed chains visible to the driver with one index store.
   *
   * @return whether the driver wants a used buffer notification, virtio 1.2 §2.7.7.2
   */
  public boolean publish() {
    int before = publishedUsed;
    if (nextUsed == before) {
      return false;
    }
    VirtqUsed.U16.setRelease(used, VirtqUsed.IDX_OFFSET, (short) nextUsed);
    publishedUsed = nextUsed;
    // The index must be visible before we look whether the driver sleeps; release then acquire
    // alone may be reordered, and then both sides wait for each other.
    VarHandle.fullFence();
    if (eventIdx) {
      int event = (short) VirtqAvail.U16.getOpaque(avail, VirtqAvail.usedEventOffset(queueSize));
      return RingFeatures.passed(event, before, nextUsed);
    }
    int flags = (short) VirtqAvail.U16.getOpaque(avail, VirtqAvail.FLAGS_OFFSET);
    return (flags & VirtqAvail.VIRTQ_AVAIL_F_NO_INTERRUPT) == 0;
  }

  /**
   * Asks the driver for kicks again, before this device sleeps.
   *
   * @return whether chains became available meanwhile, without a kick: pop them before sleeping
   */
  public boolean enableKicks() {
    if (eventIdx) {
      VirtqUsed.U16.setOpaque(used, VirtqUsed.availEventOffset(queueSize), (short) nextAvail);
    } else {
      VirtqUsed.U16.setOpaque(used, VirtqUsed.FLAGS_OFFSET, (short) 0);
    }
    // The request must be visible before we look at the index; see publish.
    VarHandle.fullFence();
    return hasPending();
  }

  /** Tells the driver that kicks are useless while this device polls; a kick may still come. */
  public void disableKicks() {
    // With EVENT_IDX the event of the past does it: the driver passes it only once in 2^16 chains.
    if (!eventIdx) {
      VirtqUsed.U16.setOpaque(
          used, VirtqUsed.FLAGS_OFFSET, (short) VirtqUsed.VIRTQ_USED_F_NO_NOTIFY);
    }
  }

  /** How far the queue has come; chains pushed but not yet published count as in flight. */
  public QueuePosition position() {
    return new QueuePosition(nextAvail, publishedUsed);
  }

  /** The used ring's index as the driver sees it. */
  public int publishedUsed() {
    return publishedUsed;
  }

  private int availIdx() {
    return Short.toUnsignedInt((short) VirtqAvail.U16.getAcquire(avail, VirtqAvail.IDX_OFFSET));
  }

  private PopResult breakRing(PopResult fault) {
    ringFault = fault;
    return fault;
  }

  private PopResult take(int head, DescriptorChain chain) {
    headInFlight[head] = true;
    chain.begin(memory, head);
    PopResult result = walker.walk(head, chain);
    if (result != PopResult.CHAIN) {
      chain.clear();
    }
    writableBytes[head] = chain.writableBytes();
    return result;
  }
}
