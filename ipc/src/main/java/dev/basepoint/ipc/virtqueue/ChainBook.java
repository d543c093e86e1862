package dev.basepoint.ipc.virtqueue;

import java.util.Arrays;

/**
 * What a driver knows about its descriptors and chains, in private memory: which descriptors are
 * free, what each chain consists of, and which chains are in flight in what order. Ids are heads.
 *
 * <pre>
 *   nextDesc   free list:  free -> 4 -> 6 -> 1 -> -1       chain:  2 -> 5 -> 0 -> -1
 *   newer      in flight:  oldest -> 2 -> 7 -> 3 -> -1     (older: the same backwards)
 * </pre>
 */
final class ChainBook {
  static final int NONE = -1;

  private static final byte FREE = 0;
  private static final byte SUBMITTED = 1;
  private static final byte PUBLISHED = 2;

  private final int size;

  // By descriptor.
  private final long[] gpas;
  private final int[] lengths;
  private final boolean[] writable;
  private final int[] nextDesc;
  private int freeHead;
  private int freeCount;

  // By chain.
  private final byte[] states;
  private final long[] writableBytes;
  private final int[] tails;
  private final int[] older;
  private final int[] newer;
  private int oldest;
  private int newest;
  private int inFlight;

  ChainBook(int size) {
    this.size = size;
    gpas = new long[size];
    lengths = new int[size];
    writable = new boolean[size];
    nextDesc = new int[size];
    states = new byte[size];
    writableBytes = new long[size];
    tails = new int[size];
    older = new int[size];
    newer = new int[size];
    clear();
  }

  /** Forgets all chains. */
  void clear() {
    Arrays.fill(states, FREE);
    for (int i = 0; i < size; i++) {
      nextDesc[i] = i + 1 < size ? i + 1 : NONE;
    }
    freeHead = 0;
    freeCount = size;
    oldest = NONE;
    newest = NONE;
    inFlight = 0;
  }

  int freeDescriptors() {
    return freeCount;
  }

  /** Takes a descriptor, which there must be, as the first of a chain; returns the chain's id. */
  int begin(long gpa, int length, boolean deviceWrites) {
    int head = takeDescriptor(gpa, length, deviceWrites);
    tails[head] = head;
    writableBytes[head] = deviceWrites ? length : 0;
    return head;
  }

  /** Takes a descriptor, which there must be, as the next of a chain. */
  void append(int id, long gpa, int length, boolean deviceWrites) {
    int index = takeDescriptor(gpa, length, deviceWrites);
    nextDesc[tails[id]] = index;
    tails[id] = index;
    if (deviceWrites) {
      writableBytes[id] += length;
    }
  }

  /** Gives back the descriptors of a chain that is not in flight. */
  void release(int id) {
    for (int i = id; i != NONE; i = nextDesc[i]) {
      freeCount++;
    }
    nextDesc[tails[id]] = freeHead;
    freeHead = id;
  }

  /** Notes a chain as the newest in flight. */
  void submit(int id) {
    states[id] = SUBMITTED;
    older[id] = newest;
    newer[id] = NONE;
    if (newest == NONE) {
      oldest = id;
    } else {
      newer[newest] = id;
    }
    newest = id;
    inFlight++;
  }

  /** Notes the newest {@code count} chains as visible to the device. */
  void publishNewest(int count) {
    int id = newest;
    for (int i = 0; i < count; i++) {
      states[id] = PUBLISHED;
      id = older[id];
    }
  }

  /** Ends a chain in flight and frees its descriptors. */
  void retire(int id) {
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
    release(id);
  }

  boolean isInFlight(int id) {
    return states[id] != FREE;
  }

  boolean isPublished(int id) {
    return states[id] == PUBLISHED;
  }

  int inFlight() {
    return inFlight;
  }

  int oldest() {
    return oldest;
  }

  int newerThan(int id) {
    return newer[id];
  }

  long writableBytes(int id) {
    return writableBytes[id];
  }

  long gpa(int index) {
    return gpas[index];
  }

  int length(int index) {
    return lengths[index];
  }

  boolean isWritable(int index) {
    return writable[index];
  }

  /** The descriptor that follows in the chain, or NONE. */
  int nextDescriptor(int index) {
    return nextDesc[index];
  }

  private int takeDescriptor(long gpa, int length, boolean deviceWrites) {
    int index = freeHead;
    freeHead = nextDesc[index];
    freeCount--;
    gpas[index] = gpa;
    lengths[index] = length;
    writable[index] = deviceWrites;
    nextDesc[index] = NONE;
    return index;
  }
}
