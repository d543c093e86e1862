package dev.basepoint.ipc.virtqueue;

import dev.basepoint.ipc.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.Optional;

/**
 * The driver's side of a split virtqueue, virtio 1.2 §2.7: vmm-main's half of a shadow virtqueue.
 * The device is presumed malicious and may write anywhere in the shared memory, descriptor table
 * and available ring included. So everything that matters is kept in private arrays, the rings are
 * only ever written from them, and of what the device writes only the used ring is read, once and
 * with checks.
 *
 * <p>Belongs to one thread. Nothing allocates after construction.
 *
 * <p>Use: {@link #begin}, {@link #add} for each buffer, {@link #submit}; {@link #publish} once per
 * batch and send a kick if it says so; {@link #popUsed} until EMPTY; before sleeping, {@link
 * #enableCalls}. A chain's id is below the queue size and unique while in flight, so that callers
 * keep what they know about a request in arrays of their own.
 */
public final class DriverQueue {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;
  private static final int NONE = -1;

  private static final byte FREE = 0;
  private static final byte SUBMITTED = 1;
  private static final byte PUBLISHED = 2;

  private final int queueSize;
  private final int mask;
  private final boolean eventIdx;

  private GuestMemory memory;
  private MemorySegment desc;
  private MemorySegment avail;
  private MemorySegment used;

  // Per descriptor; nextDesc links both the free list and each chain.
  private final long[] gpas;
  private final int[] lengths;
  private final boolean[] writable;
  private final int[] nextDesc;
  private int freeHead;
  private int freeCount;

  // Per chain, by head; older and newer link the chains in flight in order of submission.
  private final byte[] states;
  private final long[] writableBytes;
  private final int[] older;
  private final int[] newer;
  private int oldest = NONE;
  private int newest = NONE;
  private int inFlight;

  // The chain being built.
  private int buildHead = NONE;
  private int buildTail = NONE;
  private long buildWritableBytes;

  private int nextAvail;
  private int publishedAvail;
  private int nextUsed;
  private int seenUsed;
  private int usedId;
  private long usedLength;
  private UsedResult fault = UsedResult.EMPTY;

  /**
   * Makes a queue and zeroes its rings.
   *
   * @param features the negotiated features; those in {@link RingFeatures} matter
   * @throws IllegalArgumentException if a virtqueue cannot be at these addresses
   */
  public DriverQueue(GuestMemory memory, RingAddresses addresses, long features) {
    attach(memory, addresses);
    queueSize = addresses.queueSize();
    mask = queueSize - 1;
    eventIdx = (features & RingFeatures.VIRTIO_F_EVENT_IDX) != 0;
    gpas = new long[queueSize];
    lengths = new int[queueSize];
    writable = new boolean[queueSize];
    nextDesc = new int[queueSize];
    states = new byte[queueSize];
    writableBytes = new long[queueSize];
    older = new int[queueSize];
    newer = new int[queueSize];
    abandonAll();
  }

  /** The number of descriptors. */
  public int queueSize() {
    return queueSize;
  }

  /** Descriptors that {@link #add} can still take. */
  public int freeDescriptors() {
    return freeCount;
  }

  /** Starts a chain; one that was begun and not submitted is dropped. */
  public void begin() {
    if (buildHead != NONE) {
      release(buildHead, buildTail);
    }
    buildHead = NONE;
    buildTail = NONE;
    buildWritableBytes = 0;
  }

  /**
   * Appends a buffer to the chain that was begun, device-readable ones first.
   *
   * @param gpa of the buffer; in a window its offset
   * @param lengthBytes 1 to 2^31 - 1
   * @param deviceWrites whether the device writes the buffer, otherwise it reads it
   * @return false if no descriptor is free; the chain is then to be dropped by {@link #begin}
   * @throws IllegalArgumentException if the buffer is outside memory, empty or out of order
   */
  public boolean add(long gpa, int lengthBytes, boolean deviceWrites) {
    if (lengthBytes <= 0 || !memory.contains(gpa, lengthBytes)) {
      throw new IllegalArgumentException(
          "buffer of " + lengthBytes + " bytes at 0x" + Long.toHexString(gpa));
    }
    if (!deviceWrites && buildWritableBytes > 0) {
      throw new IllegalArgumentException("a readable buffer after a writable one");
    }
    if (freeCount == 0) {
      return false;
    }
    int index = freeHead;
    freeHead = nextDesc[index];
    freeCount--;
    gpas[index] = gpa;
    lengths[index] = lengthBytes;
    writable[index] = deviceWrites;
    nextDesc[index] = NONE;
    if (buildHead == NONE) {
      buildHead = index;
    } else {
      nextDesc[buildTail] = index;
    }
    buildTail = index;
    if (deviceWrites) {
      buildWritableBytes += lengthBytes;
    }
    return true;
  }

  /**
   * Puts the chain into the available ring, for the next {@link #publish}.
   *
   * @return the chain's id
   * @throws IllegalStateException if it has no buffer
   */
  public int submit() {
    if (buildHead == NONE) {
      throw new IllegalStateException("a chain needs a buffer");
    }
    int id = buildHead;
    states[id] = SUBMITTED;
    writableBytes[id] = buildWritableBytes;
    older[id] = newest;
    newer[id] = NONE;
    if (newest == NONE) {
      oldest = id;
    } else {
      newer[newest] = id;
    }
    newest = id;
    inFlight++;
    buildHead = NONE;
    buildTail = NONE;
    buildWritableBytes = 0;
    writeChain(id);
    return id;
  }

  /**
   * Makes all submitted chains visible to the device with one index store.
   *
   * @return whether the device wants an available buffer notification (kick), virtio 1.2 §2.7.10
   */
  public boolean publish() {
    int before = publishedAvail;
    if (nextAvail == before) {
      return false;
    }
    int id = newest;
    for (int left = (nextAvail - before) & 0xffff; left > 0; left--) {
      states[id] = PUBLISHED;
      id = older[id];
    }
    VirtqAvail.U16.setRelease(avail, VirtqAvail.IDX_OFFSET, (short) nextAvail);
    publishedAvail = nextAvail;
    // The index must be visible before we look whether the device sleeps; release then acquire
    // alone may be reordered, and then both sides wait for each other.
    VarHandle.fullFence();
    if (eventIdx) {
      int event = (short) VirtqUsed.U16.getOpaque(used, VirtqUsed.availEventOffset(queueSize));
      return RingFeatures.passed(event, before, nextAvail);
    }
    int flags = (short) VirtqUsed.U16.getOpaque(used, VirtqUsed.FLAGS_OFFSET);
    return (flags & VirtqUsed.VIRTQ_USED_F_NO_NOTIFY) == 0;
  }

  /** Whether there is something to pop: one load, for polling loops. False after a fault. */
  public boolean hasUsed() {
    return fault == UsedResult.EMPTY && (nextUsed != seenUsed || usedIdx() != nextUsed);
  }

  /**
   * Takes the next returned chain. If the answer is USED, {@link #usedId} and {@link #usedLength}
   * tell which and the id is free for reuse; after a fault they tell what the device claimed.
   */
  public UsedResult popUsed() {
    if (fault != UsedResult.EMPTY) {
      return fault;
    }
    if (nextUsed == seenUsed) {
      int idx = usedIdx();
      if (idx == nextUsed) {
        return UsedResult.EMPTY;
      }
      if (((idx - nextUsed) & 0xffff) > heldByDevice()) {
        return fail(UsedResult.USED_INDEX_JUMP);
      }
      seenUsed = idx;
    }
    long entry = used.get(WORD, VirtqUsed.RING_OFFSET + (nextUsed & mask) * VirtqUsed.ENTRY_BYTES);
    usedId = VirtqUsed.id(entry);
    usedLength = VirtqUsed.length(entry);
    if (usedId < 0 || usedId >= queueSize) {
      return fail(UsedResult.USED_ID_OUT_OF_RANGE);
    }
    if (states[usedId] != PUBLISHED) {
      return fail(UsedResult.USED_ID_NOT_IN_FLIGHT);
    }
    if (usedLength > writableBytes[usedId]) {
      return fail(UsedResult.USED_LENGTH_TOO_LONG);
    }
    nextUsed = (nextUsed + 1) & 0xffff;
    retire(usedId);
    return UsedResult.USED;
  }

  /** The id of the chain popped last. */
  public int usedId() {
    return usedId;
  }

  /** How many bytes the device wrote into the chain popped last. */
  public long usedLength() {
    return usedLength;
  }

  /**
   * Asks the device for calls again, before this driver sleeps.
   *
   * @return whether chains were returned meanwhile, without a call: pop them before sleeping
   */
  public boolean enableCalls() {
    if (eventIdx) {
      VirtqAvail.U16.setOpaque(avail, VirtqAvail.usedEventOffset(queueSize), (short) nextUsed);
    } else {
      VirtqAvail.U16.setOpaque(avail, VirtqAvail.FLAGS_OFFSET, (short) 0);
    }
    // The request must be visible before we look at the index; see publish.
    VarHandle.fullFence();
    return hasUsed();
  }

  /** Tells the device that calls are useless while this driver polls; a call may still come. */
  public void disableCalls() {
    // With EVENT_IDX the event of the past does it: the device passes it only once in 2^16 chains.
    if (!eventIdx) {
      VirtqAvail.U16.setOpaque(
          avail, VirtqAvail.FLAGS_OFFSET, (short) VirtqAvail.VIRTQ_AVAIL_F_NO_INTERRUPT);
    }
  }

  /** The number of chains submitted and not yet returned. */
  public int inFlight() {
    return inFlight;
  }

  /** Whether a chain is submitted and not yet returned. */
  public boolean isInFlight(int id) {
    return states[id] != FREE;
  }

  /** The id of the chain in flight that was submitted first, or -1. */
  public int oldestInFlight() {
    return oldest;
  }

  /** The id of the chain in flight that was submitted after {@code id}, or -1. */
  public int nextInFlight(int id) {
    return newer[id];
  }

  /**
   * Moves to fresh rings, zeroes them and publishes every chain in flight there, oldest first and
   * under its old id, for a device that replaces a broken one. Unpublished chains go along. The
   * kick is to be sent whatever the new device asks for. The bytes of the buffers are the caller's
   * to restore first.
   *
   * @throws IllegalArgumentException if a virtqueue of this size cannot be at these addresses
   */
  public void republish(GuestMemory newMemory, RingAddresses addresses) {
    if (addresses.queueSize() != queueSize) {
      throw new IllegalArgumentException(
          "queue size " + addresses.queueSize() + " instead of " + queueSize);
    }
    begin();
    attach(newMemory, addresses);
    startRings();
    for (int id = oldest; id != NONE; id = newer[id]) {
      writeChain(id);
    }
    publish();
  }

  /** Forgets every chain in flight and zeroes the rings. */
  public void abandonAll() {
    Arrays.fill(states, FREE);
    for (int i = 0; i < queueSize; i++) {
      nextDesc[i] = i + 1;
    }
    nextDesc[queueSize - 1] = NONE;
    freeHead = 0;
    freeCount = queueSize;
    oldest = NONE;
    newest = NONE;
    inFlight = 0;
    buildHead = NONE;
    buildTail = NONE;
    buildWritableBytes = 0;
    startRings();
  }

  private void attach(GuestMemory newMemory, RingAddresses addresses) {
    Optional<RingAddresses.Refusal> refusal = addresses.refusal(newMemory);
    if (refusal.isPresent()) {
      throw new IllegalArgumentException(refusal.get() + ": " + addresses);
    }
    memory = newMemory;
    desc = addresses.desc(newMemory);
    avail = addresses.avail(newMemory);
    used = addresses.used(newMemory);
  }

  private void startRings() {
    desc.fill((byte) 0);
    avail.fill((byte) 0);
    used.fill((byte) 0);
    nextAvail = 0;
    publishedAvail = 0;
    nextUsed = 0;
    seenUsed = 0;
    fault = UsedResult.EMPTY;
  }

  private int usedIdx() {
    return Short.toUnsignedInt((short) VirtqUsed.U16.getAcquire(used, VirtqUsed.IDX_OFFSET));
  }

  private int heldByDevice() {
    return (publishedAvail - nextUsed) & 0xffff;
  }

  private UsedResult fail(UsedResult result) {
    fault = result;
    seenUsed = nextUsed;
    return result;
  }

  private void writeChain(int id) {
    for (int i = id; i != NONE; i = nextDesc[i]) {
      boolean last = nextDesc[i] == NONE;
      int flags =
          (writable[i] ? VirtqDesc.VIRTQ_DESC_F_WRITE : 0)
              | (last ? 0 : VirtqDesc.VIRTQ_DESC_F_NEXT);
      long at = i * VirtqDesc.BYTES;
      desc.set(WORD, at + VirtqDesc.ADDR_OFFSET, gpas[i]);
      desc.set(
          WORD,
          at + VirtqDesc.LEN_OFFSET,
          VirtqDesc.word(lengths[i], flags, last ? 0 : nextDesc[i]));
    }
    VirtqAvail.U16.set(
        avail, VirtqAvail.RING_OFFSET + (nextAvail & mask) * VirtqAvail.ENTRY_BYTES, (short) id);
    nextAvail = (nextAvail + 1) & 0xffff;
  }

  private void retire(int id) {
    int before = older[id];
    int after = newer[id];
    if (before == NONE) {
      oldest = after;
    } else {
      newer[before] = after;
    }
    if (after == NONE) {
      newest = before;
    } else {
      older[after] = before;
    }
    states[id] = FREE;
    inFlight--;
    int tail = id;
    while (nextDesc[tail] != NONE) {
      tail = nextDesc[tail];
    }
    release(id, tail);
  }

  private void release(int head, int tail) {
    int count = 1;
    for (int i = head; i != tail; i = nextDesc[i]) {
      count++;
    }
    nextDesc[tail] = freeHead;
    freeHead = head;
    freeCount += count;
  }
}
