package dev.basepoint.ipc.virtqueue;

import dev.basepoint.ipc.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
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
  private final int queueSize;
  private final int mask;
  private final boolean eventIdx;

  private GuestMemory memory;
  private MemorySegment desc;
  private MemorySegment avail;
  private MemorySegment used;

  private final ChainBook book;
  private int buildHead = ChainBook.NONE;

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
    book = new ChainBook(queueSize);
    startRings();
  }

  /** The number of descriptors. */
  public int queueSize() {
    return queueSize;
  }

  /** Descriptors that {@link #add} can still take. */
  public int freeDescriptors() {
    return book.freeDescriptors();
  }

  /** Starts a chain; one that was begun and not submitted is dropped. */
  public void begin() {
    if (buildHead != ChainBook.NONE) {
      book.release(buildHead);
    }
    buildHead = ChainBook.NONE;
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
    boolean first = buildHead == ChainBook.NONE;
    if (!first && !deviceWrites && book.writableBytes(buildHead) > 0) {
      throw new IllegalArgumentException("a readable buffer after a writable one");
    }
    if (book.freeDescriptors() == 0) {
      return false;
    }
    if (first) {
      buildHead = book.begin(gpa, lengthBytes, deviceWrites);
    } else {
      book.append(buildHead, gpa, lengthBytes, deviceWrites);
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
    if (buildHead == ChainBook.NONE) {
      throw new IllegalStateException("a chain needs a buffer");
    }
    int id = buildHead;
    buildHead = ChainBook.NONE;
    book.submit(id);
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
    book.publishNewest((nextAvail - before) & 0xffff);
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
    if (!book.isPublished(usedId)) {
      return fail(UsedResult.USED_ID_NOT_IN_FLIGHT);
    }
    if (usedLength > book.writableBytes(usedId)) {
      return fail(UsedResult.USED_LENGTH_TOO_LONG);
    }
    nextUsed = (nextUsed + 1) & 0xffff;
    book.retire(usedId);
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
    return book.inFlight();
  }

  /** Whether a chain is submitted and not yet returned. */
  public boolean isInFlight(int id) {
    return book.isInFlight(id);
  }

  /** The id of the chain in flight that was submitted first, or -1. */
  public int oldestInFlight() {
    return book.oldest();
  }

  /** The id of the chain in flight that was submitted after {@code id}, or -1. */
  public int nextInFlight(int id) {
    return book.newerThan(id);
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
    for (int id = book.oldest(); id != ChainBook.NONE; id = book.newerThan(id)) {
      writeChain(id);
    }
    publish();
  }

  /** Forgets every chain in flight and zeroes the rings. */
  public void abandonAll() {
    book.clear();
    buildHead = ChainBook.NONE;
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
    return result;
  }

  private void writeChain(int id) {
    for (int i = id; i != ChainBook.NONE; i = book.nextDescriptor(i)) {
      int next = book.nextDescriptor(i);
      int flags = book.isWritable(i) ? VirtqDesc.VIRTQ_DESC_F_WRITE : 0;
      if (next != ChainBook.NONE) {
        flags |= VirtqDesc.VIRTQ_DESC_F_NEXT;
      }
      long at = i * VirtqDesc.BYTES;
      desc.set(WORD, at + VirtqDesc.ADDR_OFFSET, book.gpa(i));
      desc.set(
          WORD,
          at + VirtqDesc.LEN_OFFSET,
          VirtqDesc.word(book.length(i), flags, Math.max(0, next)));
    }
    VirtqAvail.U16.set(
        avail, VirtqAvail.RING_OFFSET + (nextAvail & mask) * VirtqAvail.ENTRY_BYTES, (short) id);
    nextAvail = (nextAvail + 1) & 0xffff;
  }
}
