package dev.basepoint.ipc.virtqueue;

import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.memory.MemoryRegion;
import dev.basepoint.ipc.window.SlotAllocator;
import dev.basepoint.ipc.window.WindowLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A guest's half of one virtqueue, for the tests of devices: it owns memory, builds direct and
 * indirect chains of byte arrays, publishes them and reads back what the device wrote. Written from
 * the specification without the production classes that it tests, and for comfort instead of speed.
 *
 * <pre>
 *   try (GuestDriver guest = new GuestDriver(256, features)) {
 *     // hand guest.memory() and guest.addresses() to the device
 *     int id = guest.submit(Buffer.readable(header), Buffer.writable(512), Buffer.writable(1));
 *     boolean kick = guest.publish();
 *     ...
 *     Completion done = guest.poll().orElseThrow();
 *   }
 * </pre>
 */
public final class GuestDriver implements AutoCloseable {
  private static final long DEFAULT_HEAP_BYTES = 16L << 20;

  private final Arena arena;
  private final GuestMemory memory;
  private final RingAddresses addresses;
  private final boolean eventIdx;
  private final MemorySegment desc;
  private final MemorySegment avail;
  private final MemorySegment used;
  private final SlotAllocator heap;
  private final Deque<Integer> freeDescriptors = new ArrayDeque<>();
  private final Map<Integer, Request> inFlight = new HashMap<>();
  private int nextAvail;
  private int publishedAvail;
  private int nextUsed;

  /** A buffer of a request: bytes for the device to read, or room for it to write. */
  @SuppressWarnings("ArrayRecordComponent") // never compared, and bytes are what tests have
  public record Buffer(byte[] bytes, boolean deviceWrites) {
    /** Bytes that the device reads. */
    public static Buffer readable(byte... bytes) {
      return new Buffer(bytes, false);
    }

    /** Room for the device to write. */
    public static Buffer writable(int lengthBytes) {
      return new Buffer(new byte[lengthBytes], true);
    }
  }

  /**
   * A returned request.
   *
   * @param id as {@link #submit} gave it
   * @param usedLength what the device says it wrote
   * @param written the contents of all writable buffers, one after another
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared, and bytes are what tests assert
  public record Completion(int id, long usedLength, byte[] written) {}

  private record Placed(long gpa, int length, boolean deviceWrites) {}

  private record Request(List<Placed> buffers, List<Integer> descriptors, Placed table) {}

  /** A driver with 16 MiB of memory of its own, from GPA 0. */
  public GuestDriver(int queueSize, long features) {
    this(queueSize, features, 0, DEFAULT_HEAP_BYTES);
  }

  /** A driver with memory of its own, from {@code baseGpa} on, a multiple of 4096. */
  public GuestDriver(int queueSize, long features, long baseGpa, long heapBytes) {
    WindowLayout layout = WindowLayout.compute(List.of(queueSize), heapBytes);
    arena = Arena.ofShared();
    MemorySegment ram = arena.allocate(layout.totalBytes(), WindowLayout.PAGE_BYTES);
    memory = new GuestMemory(List.of(new MemoryRegion(baseGpa, ram.byteSize(), ram)));
    RingAddresses ring = layout.queues().getFirst();
    addresses =
        new RingAddresses(
            queueSize,
            baseGpa + ring.descGpa(),
            baseGpa + ring.availGpa(),
            baseGpa + ring.usedGpa());
    heap = new SlotAllocator(baseGpa + layout.slotsOffset(), layout.slotsBytes());
    eventIdx = (features & RingFeatures.VIRTIO_F_EVENT_IDX) != 0;
    desc = addresses.desc(memory);
    avail = addresses.avail(memory);
    used = addresses.used(memory);
    for (int i = 0; i < queueSize; i++) {
      freeDescriptors.add(i);
    }
  }

  /**
   * A driver of a queue that shares memory with others, in a window as production lays it out.
   *
   * @param memory the whole window
   * @param addresses of this queue; its rings must still be zero
   * @param heap where buffers are taken from; may be shared by the drivers of one thread
   */
  public GuestDriver(
      GuestMemory memory, RingAddresses addresses, SlotAllocator heap, long features) {
    this(memory, addresses, heap, features, 0);
  }

  /** As above, of rings where {@code position} chains have been available and used so far. */
  GuestDriver(
      GuestMemory memory,
      RingAddresses addresses,
      SlotAllocator heap,
      long features,
      int position) {
    arena = null;
    this.memory = memory;
    this.addresses = addresses;
    this.heap = heap;
    nextAvail = position;
    publishedAvail = position;
    nextUsed = position;
    eventIdx = (features & RingFeatures.VIRTIO_F_EVENT_IDX) != 0;
    desc = addresses.desc(memory);
    avail = addresses.avail(memory);
    used = addresses.used(memory);
    for (int i = 0; i < addresses.queueSize(); i++) {
      freeDescriptors.add(i);
    }
  }

  /** The memory that the device sees. */
  public GuestMemory memory() {
    return memory;
  }

  /** Where the queue lies. */
  public RingAddresses addresses() {
    return addresses;
  }

  /** The device's side of this queue, as the specification's limits have it. */
  public DeviceQueue openDeviceQueue(long features) {
    return switch (DeviceQueue.open(memory, addresses, features)) {
      case DeviceQueue.Opened(DeviceQueue queue) -> queue;
      case DeviceQueue.Refused refused -> throw new IllegalStateException(refused.toString());
    };
  }

  /** Puts a chain of descriptors into the available ring; returns its id. */
  public int submit(Buffer... buffers) {
    return submit(List.of(buffers), false);
  }

  /** As {@link #submit}, through an indirect table. */
  public int submitIndirect(Buffer... buffers) {
    return submit(List.of(buffers), true);
  }

  /** Whether a chain of {@code descriptors} finds enough free ones. */
  public boolean hasRoomFor(int descriptors) {
    return freeDescriptors.size() >= descriptors;
  }

  /** The number of requests not yet returned. */
  public int inFlight() {
    return inFlight.size();
  }

  /** Makes submitted chains visible; returns whether the device wants a kick. */
  public boolean publish() {
    int before = publishedAvail;
    VirtqAvail.U16.setRelease(avail, VirtqAvail.IDX_OFFSET, (short) nextAvail);
    publishedAvail = nextAvail;
    VarHandle.fullFence();
    if (nextAvail == before) {
      return false;
    }
    if (eventIdx) {
      int event =
          (short) VirtqUsed.U16.getOpaque(used, VirtqUsed.availEventOffset(addresses.queueSize()));
      return RingFeatures.passed(event, before, nextAvail);
    }
    int flags = (short) VirtqUsed.U16.getOpaque(used, VirtqUsed.FLAGS_OFFSET);
    return (flags & VirtqUsed.VIRTQ_USED_F_NO_NOTIFY) == 0;
  }

  /** Asks for a call at the next completion; returns whether there is one already. */
  public boolean enableCalls() {
    if (eventIdx) {
      VirtqAvail.U16.setOpaque(
          avail, VirtqAvail.usedEventOffset(addresses.queueSize()), (short) nextUsed);
    } else {
      VirtqAvail.U16.setOpaque(avail, VirtqAvail.FLAGS_OFFSET, (short) 0);
    }
    VarHandle.fullFence();
    return usedIdx() != nextUsed;
  }

  /**
   * Takes the next returned request, if any.
   *
   * @throws AssertionError if the device returned what it was not given
   */
  public Optional<Completion> poll() {
    if (usedIdx() == nextUsed) {
      return Optional.empty();
    }
    long at = VirtqUsed.RING_OFFSET + (nextUsed % addresses.queueSize()) * VirtqUsed.ENTRY_BYTES;
    int id = used.get(ValueLayout.JAVA_INT_UNALIGNED, at + VirtqUsed.ENTRY_ID_OFFSET);
    long length =
        Integer.toUnsignedLong(
            used.get(ValueLayout.JAVA_INT_UNALIGNED, at + VirtqUsed.ENTRY_LEN_OFFSET));
    nextUsed = (nextUsed + 1) & 0xffff;
    Request request = inFlight.remove(id);
    if (request == null) {
      throw new AssertionError("the device returned id " + id + ", which is not in flight");
    }
    byte[] written = readWritable(request.buffers);
    if (length > written.length) {
      throw new AssertionError(
          "the device claims " + length + " bytes of " + written.length + " writable ones");
    }
    for (Placed buffer : request.buffers) {
      heap.free(buffer.gpa, Math.max(1, buffer.length));
    }
    if (request.table != null) {
      heap.free(request.table.gpa, request.table.length);
    }
    freeDescriptors.addAll(request.descriptors);
    return Optional.of(new Completion(id, length, written));
  }

  @Override
  public void close() {
    if (arena != null) {
      arena.close();
    }
  }

  private int submit(List<Buffer> buffers, boolean indirect) {
    List<Placed> placed = new ArrayList<>();
    for (Buffer buffer : buffers) {
      placed.add(place(buffer));
    }
    Placed table = null;
    List<Integer> descriptors;
    if (indirect) {
      int bytes = (int) (placed.size() * VirtqDesc.BYTES);
      table = new Placed(allocate(bytes), bytes, false);
      int region = memory.regionOf(table.gpa, bytes);
      List<Integer> indices = new ArrayList<>();
      for (int i = 0; i < placed.size(); i++) {
        indices.add(i);
      }
      writeTable(memory.segment(region), memory.offset(region, table.gpa), placed, indices);
      descriptors = takeDescriptors(1);
      writeDescriptor(
          desc,
          descriptors.getFirst() * VirtqDesc.BYTES,
          table,
          VirtqDesc.VIRTQ_DESC_F_INDIRECT,
          0);
    } else {
      descriptors = takeDescriptors(placed.size());
      writeTable(desc, 0, placed, descriptors);
    }
    int id = descriptors.getFirst();
    inFlight.put(id, new Request(placed, descriptors, table));
    avail.set(
        ValueLayout.JAVA_SHORT_UNALIGNED,
        VirtqAvail.RING_OFFSET + (nextAvail % addresses.queueSize()) * VirtqAvail.ENTRY_BYTES,
        (short) id);
    nextAvail = (nextAvail + 1) & 0xffff;
    return id;
  }

  private static void writeTable(
      MemorySegment table, long base, List<Placed> buffers, List<Integer> indices) {
    for (int i = 0; i < buffers.size(); i++) {
      boolean last = i == buffers.size() - 1;
      int flags =
          (buffers.get(i).deviceWrites ? VirtqDesc.VIRTQ_DESC_F_WRITE : 0)
              | (last ? 0 : VirtqDesc.VIRTQ_DESC_F_NEXT);
      writeDescriptor(
          table,
          base + indices.get(i) * VirtqDesc.BYTES,
          buffers.get(i),
          flags,
          last ? 0 : indices.get(i + 1));
    }
  }

  private static void writeDescriptor(
      MemorySegment table, long at, Placed buffer, int flags, int next) {
    table.set(ValueLayout.JAVA_LONG_UNALIGNED, at + VirtqDesc.ADDR_OFFSET, buffer.gpa);
    table.set(ValueLayout.JAVA_INT_UNALIGNED, at + VirtqDesc.LEN_OFFSET, buffer.length);
    table.set(ValueLayout.JAVA_SHORT_UNALIGNED, at + VirtqDesc.FLAGS_OFFSET, (short) flags);
    table.set(ValueLayout.JAVA_SHORT_UNALIGNED, at + VirtqDesc.NEXT_OFFSET, (short) next);
  }

  private Placed place(Buffer buffer) {
    int length = buffer.bytes.length;
    long gpa = allocate(Math.max(1, length));
    if (!memory.copyTo(gpa, MemorySegment.ofArray(buffer.bytes), 0, length)) {
      throw new IllegalStateException("the heap is outside memory");
    }
    return new Placed(gpa, length, buffer.deviceWrites);
  }

  private long allocate(int bytes) {
    long gpa = heap.allocate(bytes, SlotAllocator.GRANULE_BYTES);
    if (gpa < 0) {
      throw new IllegalStateException("the guest's heap is full");
    }
    return gpa;
  }

  private List<Integer> takeDescriptors(int count) {
    if (!hasRoomFor(count)) {
      throw new IllegalStateException("no " + count + " descriptors are free");
    }
    List<Integer> taken = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      taken.add(freeDescriptors.removeFirst());
    }
    return taken;
  }

  private byte[] readWritable(List<Placed> buffers) {
    int total = buffers.stream().filter(Placed::deviceWrites).mapToInt(Placed::length).sum();
    byte[] written = new byte[total];
    int at = 0;
    for (Placed buffer : buffers) {
      if (buffer.deviceWrites) {
        memory.copyFrom(buffer.gpa, MemorySegment.ofArray(written), at, buffer.length);
        at += buffer.length;
      }
    }
    return written;
  }

  private int usedIdx() {
    return Short.toUnsignedInt((short) VirtqUsed.U16.getAcquire(used, VirtqUsed.IDX_OFFSET));
  }
}
