package dev.basepoint.ipc.virtqueue;

import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.window.SlotAllocator;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

/**
 * An endless, seeded stream of hostile virtqueue states: what a malicious guest puts before a
 * device, or a compromised vmm-main before a device server.
 *
 * <pre>
 *   MalformedChains chains = new MalformedChains(memory, addresses, heapGpa, heapBytes, seed);
 *   for (long i = 0; i < 1_000_000; i++) {
 *     MalformedChains.Kind kind = chains.next();   // rings written, index published
 *     // let the device run until the ring is empty or broken
 *     if (ring is broken) { chains.restart(); reset the device; }
 *   }
 *   GuestDriver good = chains.handOver(...);       // and a correct request must still work
 * </pre>
 *
 * Each step assumes that the device has returned all it was given before. Everything is a function
 * of the seed and of what the device wrote; {@link #describe} names both seed and step for failure
 * messages.
 */
public final class MalformedChains {
  private static final long HUGE_LENGTH = 0xffff_ffffL;

  private final GuestMemory memory;
  private final RingAddresses addresses;
  private final MemorySegment desc;
  private final MemorySegment avail;
  private final MemorySegment used;
  private final int queueSize;
  private final long heapGpa;
  private final long heapBytes;
  private final long seed;
  private final SplittableRandom random;
  private Function<SplittableRandom, byte[]> headers = random -> new byte[0];
  private Kind kind = Kind.WELL_FORMED;
  private long step;
  private int nextAvail;

  /** What a step has done. */
  public enum Kind {
    /** A legal chain of odd shape, direct, indirect or both. */
    WELL_FORMED,
    /** Legal, with descriptors of length zero at any address. */
    ZERO_LENGTHS,
    /** Legal, with buffers that overlap each other, the rings and the tables. */
    OVERLAPS,
    /** Legal, with flags that mean nothing. */
    RESERVED_FLAGS,
    /** Several legal chains at once. */
    BATCH,
    /** A cycle in the descriptor table. */
    CYCLE,
    /** A cycle in an indirect table. */
    INDIRECT_CYCLE,
    /** {@code next} beyond the table. */
    NEXT_OUT_OF_RANGE,
    /** A buffer outside memory, across its end, or around 2^64. */
    BUFFER_OUT_OF_RANGE,
    /** Lengths up to 2^32 - 1. */
    HUGE_LENGTH,
    /** A device-readable descriptor after a device-writable one. */
    WRONG_DIRECTION,
    /** More descriptors than the queue has, in an indirect table. */
    TOO_LONG,
    /** An indirect table in an indirect table. */
    INDIRECT_NESTED,
    /** INDIRECT and NEXT at once. */
    INDIRECT_WITH_NEXT,
    /** An indirect table of a length that is zero or no multiple of 16. */
    INDIRECT_BAD_LENGTH,
    /** An indirect table outside memory. */
    INDIRECT_OUT_OF_RANGE,
    /** An indirect table that is a piece of the rings. */
    INDIRECT_ON_RINGS,
    /** A well-formed chain with a few bits flipped. */
    BIT_FLIPS,
    /** Random bytes all over the descriptor table. */
    RANDOM_DESCRIPTORS,
    /** Random bytes all over the three areas. */
    RANDOM_RINGS,
    /** A head index beyond the table. */
    HEAD_OUT_OF_RANGE,
    /** The same head twice in one batch. */
    HEAD_TWICE,
    /** The index ahead by more than the queue size. */
    INDEX_JUMP,
    /** The index moved back. */
    INDEX_BACK
  }

  private static final Kind[] KINDS = Kind.values();

  /**
   * Makes a stream for a queue whose rings are still zero.
   *
   * @param heapGpa start of memory for buffers and indirect tables, at least 64 KiB
   */
  public MalformedChains(
      GuestMemory memory, RingAddresses addresses, long heapGpa, long heapBytes, long seed) {
    if (!memory.contains(heapGpa, heapBytes) || heapBytes < 64 * 1024) {
      throw new IllegalArgumentException("heap at " + heapGpa + " of " + heapBytes);
    }
    this.memory = memory;
    this.addresses = addresses;
    this.heapGpa = heapGpa;
    this.heapBytes = heapBytes;
    this.seed = seed;
    random = new SplittableRandom(seed);
    desc = addresses.desc(memory);
    avail = addresses.avail(memory);
    used = addresses.used(memory);
    queueSize = addresses.queueSize();
  }

  /** Starts the first readable buffer of legal chains with a device's own (mis)made headers. */
  public void headersFrom(Function<SplittableRandom, byte[]> source) {
    headers = source;
  }

  /** Seed, step and kind, for failure messages. */
  public String describe() {
    return "seed " + seed + "L, step " + step + ", " + kind;
  }

  /** Puts the next hostile state before the device. */
  public Kind next() {
    step++;
    kind = KINDS[random.nextInt(KINDS.length)];
    // These rewrite kilobytes and usually end in a reset; once in a while is enough.
    if (kind.compareTo(Kind.RANDOM_DESCRIPTORS) >= 0 && random.nextInt(16) != 0) {
      kind = Kind.BIT_FLIPS;
    }
    make(kind);
    return kind;
  }

  /** Begins again with zero rings, for a device that was reset. */
  public void restart() {
    desc.fill((byte) 0);
    avail.fill((byte) 0);
    used.fill((byte) 0);
    nextAvail = 0;
  }

  /**
   * A well-behaved driver that goes on where this stream is, once the device has returned all.
   *
   * @param features as negotiated with the device
   */
  public GuestDriver handOver(long features) {
    long firstPage = (heapGpa + SlotAllocator.PAGE_BYTES - 1) & -SlotAllocator.PAGE_BYTES;
    long bytes = (heapBytes - (firstPage - heapGpa)) & -SlotAllocator.PAGE_BYTES;
    desc.fill((byte) 0);
    return new GuestDriver(
        memory, addresses, new SlotAllocator(firstPage, bytes), features, nextAvail);
  }

  /**
   * Scribbles over the rings and the heap from another thread until {@code stop}: what a device
   * read once may be different when it looks again. Indices are left alone, so that the device
   * keeps reading chains.
   */
  public void scribble(AtomicBoolean stop) {
    SplittableRandom scribbler = new SplittableRandom(seed ^ 0x5c21bb1eL);
    int region = memory.regionOf(heapGpa, heapBytes);
    MemorySegment heap = memory.segment(region).asSlice(memory.offset(region, heapGpa), heapBytes);
    while (!stop.get()) {
      for (int i = 0; i < 64; i++) {
        long index = scribbler.nextInt(queueSize);
        switch (scribbler.nextInt(4)) {
          case 0 ->
              desc.set(
                  ValueLayout.JAVA_SHORT_UNALIGNED,
                  index * VirtqDesc.BYTES + VirtqDesc.FLAGS_OFFSET,
                  (short) scribbler.nextInt(8));
          case 1 ->
              desc.set(
                  ValueLayout.JAVA_SHORT_UNALIGNED,
                  index * VirtqDesc.BYTES + VirtqDesc.NEXT_OFFSET,
                  (short) scribbler.nextInt(2 * queueSize));
          case 2 ->
              desc.set(
                  ValueLayout.JAVA_LONG_UNALIGNED,
                  index * VirtqDesc.BYTES + VirtqDesc.ADDR_OFFSET,
                  anyGpa(scribbler));
          default ->
              heap.set(
                  ValueLayout.JAVA_LONG_UNALIGNED,
                  scribbler.nextLong(heapBytes - Long.BYTES),
                  scribbler.nextLong());
        }
      }
    }
  }

  private void make(Kind what) {
    int head = random.nextInt(queueSize);
    switch (what) {
      case WELL_FORMED -> wellFormed(head, queueSize);
      case ZERO_LENGTHS -> {
        int count = direct(head, 1 + random.nextInt(queueSize));
        for (int i = random.nextInt(4); i >= 0; i--) {
          int index = chainIndex(head, random.nextInt(count));
          put(desc, index, LEN, 0);
          if (random.nextBoolean()) {
            put(desc, index, ADDR, anyGpa(random));
          }
        }
      }
      case OVERLAPS -> overlaps(head);
      case RESERVED_FLAGS -> {
        wellFormed(head, queueSize);
        int index = chainIndex(head, random.nextInt(queueSize));
        put(desc, index, FLAGS, get(desc, index, FLAGS) | (random.nextInt() & 0xfff8));
      }
      case BATCH -> batch(head);
      case CYCLE -> {
        int count = direct(head, 1 + random.nextInt(queueSize));
        int last = chainIndex(head, count - 1);
        put(desc, last, FLAGS, get(desc, last, FLAGS) | VirtqDesc.VIRTQ_DESC_F_NEXT);
        put(desc, last, NEXT, chainIndex(head, random.nextInt(count)));
        if (random.nextBoolean()) {
          sameDirection(head, count);
        }
      }
      case INDIRECT_CYCLE -> {
        int entries = 1 + random.nextInt(16);
        MemorySegment table = indirect(head, entries);
        int last = entries - 1;
        put(table, last, FLAGS, get(table, last, FLAGS) | VirtqDesc.VIRTQ_DESC_F_NEXT);
        put(table, last, NEXT, random.nextInt(entries));
      }
      case NEXT_OUT_OF_RANGE -> {
        int index = chainIndex(head, random.nextInt(direct(head, 1 + random.nextInt(queueSize))));
        put(desc, index, FLAGS, get(desc, index, FLAGS) | VirtqDesc.VIRTQ_DESC_F_NEXT);
        put(desc, index, NEXT, queueSize + random.nextInt(0x10000 - queueSize));
      }
      case BUFFER_OUT_OF_RANGE -> {
        int index = chainIndex(head, random.nextInt(direct(head, 1 + random.nextInt(queueSize))));
        put(desc, index, ADDR, outsideGpa(get(desc, index, LEN)));
      }
      case HUGE_LENGTH -> {
        int count = direct(head, 1 + random.nextInt(queueSize));
        for (int i = random.nextInt(3); i >= 0; i--) {
          int index = chainIndex(head, random.nextInt(count));
          put(desc, index, LEN, HUGE_LENGTH >>> random.nextInt(12));
        }
      }
      case WRONG_DIRECTION -> {
        int count = direct(head, Math.min(queueSize, 2 + random.nextInt(queueSize)));
        int index = chainIndex(head, random.nextInt(count));
        put(desc, index, FLAGS, get(desc, index, FLAGS) ^ VirtqDesc.VIRTQ_DESC_F_WRITE);
      }
      case TOO_LONG -> indirect(head, queueSize + 1 + random.nextInt(8));
      case INDIRECT_NESTED -> {
        int entries = 1 + random.nextInt(8);
        MemorySegment table = indirect(head, entries);
        int index = random.nextInt(entries);
        put(table, index, FLAGS, VirtqDesc.VIRTQ_DESC_F_INDIRECT);
        put(table, index, LEN, 16L * (1 + random.nextInt(4)));
        // Into itself as often as not.
        put(table, index, ADDR, random.nextBoolean() ? get(desc, head, ADDR) : anyGpa(random));
      }
      case INDIRECT_WITH_NEXT -> {
        indirect(head, 1 + random.nextInt(8));
        put(desc, head, FLAGS, VirtqDesc.VIRTQ_DESC_F_INDIRECT | VirtqDesc.VIRTQ_DESC_F_NEXT);
        put(desc, head, NEXT, random.nextInt(queueSize));
      }
      case INDIRECT_BAD_LENGTH -> {
        indirect(head, 4);
        int whole = 16 * random.nextInt(4);
        put(desc, head, LEN, random.nextInt(3) == 0 ? 0 : whole + 1 + random.nextInt(15));
      }
      case INDIRECT_OUT_OF_RANGE -> {
        indirect(head, 1 + random.nextInt(8));
        put(desc, head, ADDR, outsideGpa(get(desc, head, LEN)));
      }
      case INDIRECT_ON_RINGS -> {
        put(desc, head, ADDR, ringGpa());
        put(desc, head, LEN, 16L * (1 + random.nextInt(queueSize)));
        put(desc, head, FLAGS, VirtqDesc.VIRTQ_DESC_F_INDIRECT | (random.nextInt(4) & 2));
      }
      case BIT_FLIPS -> {
        int count = wellFormed(head, queueSize);
        for (int i = random.nextInt(4); i >= 0; i--) {
          long at =
              chainIndex(head, random.nextInt(count)) * VirtqDesc.BYTES
                  + random.nextLong(VirtqDesc.BYTES);
          byte flipped =
              (byte) (desc.get(ValueLayout.JAVA_BYTE, at) ^ 1 << random.nextInt(Byte.SIZE));
          desc.set(ValueLayout.JAVA_BYTE, at, flipped);
        }
      }
      case RANDOM_DESCRIPTORS -> {
        randomFill(desc);
        // Mostly short and inside, so that walks go deep.
        for (int i = 0; i < queueSize; i++) {
          put(desc, i, ADDR, anyGpa(random));
          put(desc, i, LEN, random.nextInt(512));
          put(desc, i, FLAGS, random.nextInt(8));
          put(desc, i, NEXT, random.nextInt(queueSize + 1));
        }
      }
      case RANDOM_RINGS -> {
        randomFill(desc);
        randomFill(avail);
        randomFill(used);
      }
      case HEAD_OUT_OF_RANGE, HEAD_TWICE, INDEX_JUMP, INDEX_BACK -> wellFormed(head, queueSize);
    }
    publish(what, head);
  }

  private void publish(Kind what, int head) {
    switch (what) {
      case BATCH -> {} // has put its heads itself
      case HEAD_OUT_OF_RANGE -> offer(queueSize + random.nextInt(0x10000 - queueSize));
      case HEAD_TWICE -> {
        offer(head);
        offer(head);
      }
      case INDEX_JUMP ->
          nextAvail += queueSize + 1 + random.nextInt(Math.max(1, 0x10000 - 2 * queueSize));
      case INDEX_BACK -> nextAvail -= 1 + random.nextInt(queueSize);
      case RANDOM_RINGS -> nextAvail = random.nextBoolean() ? nextAvail + 1 : random.nextInt();
      default -> offer(head);
    }
    // The fill may have broken the event fields on purpose; the index is this one.
    nextAvail &= 0xffff;
    VirtqAvail.U16.setRelease(avail, VirtqAvail.IDX_OFFSET, (short) nextAvail);
    VarHandle.fullFence();
  }

  private void offer(int head) {
    avail.set(
        ValueLayout.JAVA_SHORT_UNALIGNED,
        VirtqAvail.RING_OFFSET + (nextAvail & (queueSize - 1)) * VirtqAvail.ENTRY_BYTES,
        (short) head);
    nextAvail = (nextAvail + 1) & 0xffff;
  }

  /** A legal chain at {@code head}; returns how many descriptors of the main table it uses. */
  private int wellFormed(int head, int maxDescriptors) {
    if (random.nextInt(4) == 0) {
      indirect(head, 1 + random.nextInt(maxDescriptors));
      if (random.nextBoolean()) {
        // The write-only flag of a descriptor that refers to a table means nothing, §2.7.5.3.2.
        put(desc, head, FLAGS, get(desc, head, FLAGS) | VirtqDesc.VIRTQ_DESC_F_WRITE);
      }
      return 1;
    }
    int count = direct(head, 1 + random.nextInt(Math.min(maxDescriptors, 12)));
    if (count > 1 && random.nextInt(8) == 0) {
      // Normal descriptors followed by one that is indirect: unusual and legal.
      int last = chainIndex(head, count - 1);
      boolean writable =
          (get(desc, chainIndex(head, count - 2), FLAGS) & VirtqDesc.VIRTQ_DESC_F_WRITE) != 0;
      indirect(last, 1);
      if (writable) {
        writableTable(last);
      }
    }
    return count;
  }

  private void writableTable(int index) {
    memory.writeU16(get(desc, index, ADDR) + VirtqDesc.FLAGS_OFFSET, VirtqDesc.VIRTQ_DESC_F_WRITE);
  }

  private int direct(int head, int count) {
    int readable = random.nextInt(count + 1);
    for (int i = 0; i < count; i++) {
      boolean last = i == count - 1;
      write(desc, chainIndex(head, i), i >= readable, last ? -1 : chainIndex(head, i + 1));
    }
    if (readable > 0) {
      putHeader(get(desc, head, ADDR), get(desc, head, LEN));
    }
    return count;
  }

  private MemorySegment indirect(int head, int entries) {
    long bytes = entries * VirtqDesc.BYTES;
    long gpa = heapGpa + random.nextLong(heapBytes - bytes + 1);
    int region = memory.regionOf(gpa, bytes);
    MemorySegment table = memory.segment(region).asSlice(memory.offset(region, gpa), bytes);
    int readable = random.nextInt(entries + 1);
    for (int i = 0; i < entries; i++) {
      write(table, i, i >= readable, i == entries - 1 ? -1 : i + 1);
    }
    put(desc, head, ADDR, gpa);
    put(desc, head, LEN, bytes);
    put(desc, head, FLAGS, VirtqDesc.VIRTQ_DESC_F_INDIRECT);
    return table;
  }

  private void overlaps(int head) {
    int count = direct(head, 1 + random.nextInt(queueSize));
    for (int i = 0; i < count; i++) {
      int index = chainIndex(head, i);
      if (random.nextBoolean()) {
        put(desc, index, ADDR, get(desc, head, ADDR));
        put(desc, index, LEN, get(desc, head, LEN));
      } else if (random.nextInt(4) == 0) {
        put(desc, index, ADDR, ringGpa());
        put(desc, index, LEN, 1 + random.nextInt(64));
      }
    }
  }

  private void batch(int head) {
    int perChain = Math.max(1, queueSize / 4);
    int at = 0;
    while (at + perChain <= queueSize) {
      int first = chainIndex(head, at);
      wellFormed(first, perChain);
      offer(first);
      at += perChain;
    }
  }

  private void sameDirection(int head, int count) {
    for (int i = 0; i < count; i++) {
      int index = chainIndex(head, i);
      put(desc, index, FLAGS, get(desc, index, FLAGS) | VirtqDesc.VIRTQ_DESC_F_WRITE);
    }
  }

  private void write(MemorySegment table, int index, boolean writable, int next) {
    long length = 1 + random.nextLong(random.nextInt(8) == 0 ? 8192 : 256);
    put(table, index, ADDR, heapGpa + random.nextLong(heapBytes - length));
    put(table, index, LEN, length);
    int flags = writable ? VirtqDesc.VIRTQ_DESC_F_WRITE : 0;
    put(table, index, FLAGS, next < 0 ? flags : flags | VirtqDesc.VIRTQ_DESC_F_NEXT);
    put(table, index, NEXT, next < 0 ? random.nextInt() : next);
  }

  private void putHeader(long gpa, long room) {
    byte[] header = headers.apply(random);
    if (header.length > 0) {
      memory.copyTo(gpa, MemorySegment.ofArray(header), 0, Math.min(room, header.length));
    }
  }

  /** The table index of a chain's i-th descriptor: consecutive, around the table's end. */
  private int chainIndex(int head, int i) {
    return (head + i) & (queueSize - 1);
  }

  private long ringGpa() {
    return switch (random.nextInt(3)) {
      case 0 -> addresses.descGpa() + random.nextLong(desc.byteSize());
      case 1 -> addresses.availGpa() + random.nextLong(avail.byteSize());
      default -> addresses.usedGpa() + random.nextLong(used.byteSize());
    };
  }

  private long anyGpa(SplittableRandom source) {
    return switch (source.nextInt(8)) {
      case 0 -> source.nextLong();
      case 1 -> heapGpa + heapBytes - source.nextInt(16);
      case 2 -> source.nextLong(1L << 33);
      default -> heapGpa + source.nextLong(heapBytes);
    };
  }

  /** An address from which {@code length} bytes are not all inside. */
  private long outsideGpa(long length) {
    long gpa;
    do {
      int region = random.nextInt(memory.regionCount());
      long base = memory.baseGpa(region);
      long end = base + memory.sizeBytes(region);
      gpa =
          switch (random.nextInt(6)) {
            case 0 -> end;
            case 1 -> end - Math.min(length - 1, memory.sizeBytes(region));
            case 2 -> base - 1 - random.nextInt(4096);
            case 3 -> -1 - random.nextLong(length);
            case 4 -> Long.MIN_VALUE | random.nextLong();
            default -> end + random.nextLong(1L << 40);
          };
    } while (memory.contains(gpa, length));
    return gpa;
  }

  private void randomFill(MemorySegment segment) {
    for (long at = 0; at + Long.BYTES <= segment.byteSize(); at += Long.BYTES) {
      segment.set(ValueLayout.JAVA_LONG_UNALIGNED, at, random.nextLong());
    }
  }

  private static final int ADDR = 0;
  private static final int LEN = 1;
  private static final int FLAGS = 2;
  private static final int NEXT = 3;

  private static void put(MemorySegment table, int index, int field, long value) {
    long at = index * VirtqDesc.BYTES;
    switch (field) {
      case ADDR -> table.set(ValueLayout.JAVA_LONG_UNALIGNED, at + VirtqDesc.ADDR_OFFSET, value);
      case LEN -> table.set(ValueLayout.JAVA_INT_UNALIGNED, at + VirtqDesc.LEN_OFFSET, (int) value);
      case FLAGS ->
          table.set(ValueLayout.JAVA_SHORT_UNALIGNED, at + VirtqDesc.FLAGS_OFFSET, (short) value);
      default ->
          table.set(ValueLayout.JAVA_SHORT_UNALIGNED, at + VirtqDesc.NEXT_OFFSET, (short) value);
    }
  }

  private static long get(MemorySegment table, int index, int field) {
    long at = index * VirtqDesc.BYTES;
    return switch (field) {
      case ADDR -> table.get(ValueLayout.JAVA_LONG_UNALIGNED, at + VirtqDesc.ADDR_OFFSET);
      case LEN ->
          Integer.toUnsignedLong(
              table.get(ValueLayout.JAVA_INT_UNALIGNED, at + VirtqDesc.LEN_OFFSET));
      case FLAGS ->
          Short.toUnsignedLong(
              table.get(ValueLayout.JAVA_SHORT_UNALIGNED, at + VirtqDesc.FLAGS_OFFSET));
      default ->
          Short.toUnsignedLong(
              table.get(ValueLayout.JAVA_SHORT_UNALIGNED, at + VirtqDesc.NEXT_OFFSET));
    };
  }
}
