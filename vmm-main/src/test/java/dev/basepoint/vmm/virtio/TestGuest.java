package dev.basepoint.vmm.virtio;

import dev.basepoint.ipc.virtqueue.GuestDriver;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.window.SlotAllocator;
import dev.basepoint.ipc.window.WindowLayout;
import dev.basepoint.vmm.virtio.mmio.MmioRegister;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** A guest's driver of one device: registers by virtio 1.2 §3.1.1, queues by GuestDriver. */
final class TestGuest {
  static final long VERSION_1 = 1L << 32;
  static final long EVENT_IDX = 1L << 29;
  static final long INDIRECT_DESC = 1L << 28;

  private static final long DEADLINE_SECONDS = 60;

  private TestHost host;
  private final MmioSlot slot;
  private final long areaGpa;
  private final long areaBytes;
  private final List<GuestDriver> queues = new ArrayList<>();
  private List<RingAddresses> rings = List.of();
  private long heapGpa;
  private long heapBytes;

  /**
   * @param areaGpa where in guest RAM rings and buffers go
   */
  TestGuest(TestHost host, MmioSlot slot, long areaGpa, long areaBytes) {
    this.host = host;
    this.slot = slot;
    this.areaGpa = areaGpa;
    this.areaBytes = areaBytes;
  }

  /** Goes on as the guest of another machine on the same RAM. */
  void moveTo(TestHost other) {
    host = other;
  }

  int read(int register) {
    return (int) host.load(slot, register, 4);
  }

  void write(int register, int value) {
    host.store(slot, register, 4, Integer.toUnsignedLong(value));
  }

  int status() {
    return read(MmioRegister.STATUS);
  }

  boolean needsReset() {
    return (status() & 64) != 0;
  }

  void reset() {
    write(MmioRegister.STATUS, 0);
  }

  long offeredFeatures() {
    write(MmioRegister.DEVICE_FEATURES_SEL, 1);
    long high = Integer.toUnsignedLong(read(MmioRegister.DEVICE_FEATURES));
    write(MmioRegister.DEVICE_FEATURES_SEL, 0);
    return high << 32 | Integer.toUnsignedLong(read(MmioRegister.DEVICE_FEATURES));
  }

  /** Resets the device and drives it up to DRIVER_OK with queues of {@code queueSize}. */
  TestGuest start(long features, int queueCount, int queueSize) {
    prepare(features, queueCount, queueSize);
    write(MmioRegister.STATUS, 1 | 2 | 8 | 4);
    return this;
  }

  /** As {@link #start}, without DRIVER_OK. */
  void prepare(long features, int queueCount, int queueSize) {
    reset();
    write(MmioRegister.STATUS, 1);
    write(MmioRegister.STATUS, 1 | 2);
    write(MmioRegister.DRIVER_FEATURES_SEL, 0);
    write(MmioRegister.DRIVER_FEATURES, (int) features);
    write(MmioRegister.DRIVER_FEATURES_SEL, 1);
    write(MmioRegister.DRIVER_FEATURES, (int) (features >>> 32));
    write(MmioRegister.STATUS, 1 | 2 | 8);
    if (status() != (1 | 2 | 8)) {
      throw new AssertionError("FEATURES_OK refused, status " + status());
    }
    placeQueues(features, queueCount, queueSize);
    for (int i = 0; i < queueCount; i++) {
      setUpQueue(i, rings.get(i));
    }
  }

  private void placeQueues(long features, int queueCount, int queueSize) {
    WindowLayout layout =
        WindowLayout.compute(Collections.nCopies(queueCount, queueSize), WindowLayout.PAGE_BYTES);
    heapGpa = areaGpa + layout.slotsOffset();
    heapBytes = areaBytes - layout.slotsOffset();
    SlotAllocator heap = new SlotAllocator(heapGpa, heapBytes);
    List<RingAddresses> placed = new ArrayList<>();
    queues.clear();
    host.memory().segment(0).asSlice(areaGpa, layout.slotsOffset()).fill((byte) 0);
    for (RingAddresses ring : layout.queues()) {
      RingAddresses addresses =
          new RingAddresses(
              queueSize,
              areaGpa + ring.descGpa(),
              areaGpa + ring.availGpa(),
              areaGpa + ring.usedGpa());
      placed.add(addresses);
      queues.add(new GuestDriver(host.memory(), addresses, heap, features));
    }
    rings = placed;
  }

  private void setUpQueue(int index, RingAddresses ring) {
    write(MmioRegister.QUEUE_SEL, index);
    write(MmioRegister.QUEUE_NUM, ring.queueSize());
    write(MmioRegister.QUEUE_DESC_LOW, (int) ring.descGpa());
    write(MmioRegister.QUEUE_DESC_HIGH, (int) (ring.descGpa() >>> 32));
    write(MmioRegister.QUEUE_DRIVER_LOW, (int) ring.availGpa());
    write(MmioRegister.QUEUE_DRIVER_HIGH, (int) (ring.availGpa() >>> 32));
    write(MmioRegister.QUEUE_DEVICE_LOW, (int) ring.usedGpa());
    write(MmioRegister.QUEUE_DEVICE_HIGH, (int) (ring.usedGpa() >>> 32));
    write(MmioRegister.QUEUE_READY, 1);
  }

  GuestDriver queue(int index) {
    return queues.get(index);
  }

  RingAddresses ring(int index) {
    return rings.get(index);
  }

  long heapGpa() {
    return heapGpa;
  }

  long heapBytes() {
    return heapBytes;
  }

  void kick(int index) {
    write(MmioRegister.QUEUE_NOTIFY, index);
  }

  /** Publishes what was submitted and kicks if the device wants that. */
  void publish(int index) {
    if (queues.get(index).publish()) {
      kick(index);
    }
  }

  /** Waits for an interrupt and acknowledges it; returns its causes. */
  int awaitInterrupt() throws InterruptedException {
    if (!host.interrupts(slot.gsi()).tryAcquire(DEADLINE_SECONDS, TimeUnit.SECONDS)) {
      throw new AssertionError("no interrupt, status " + status());
    }
    int causes = read(MmioRegister.INTERRUPT_STATUS);
    write(MmioRegister.INTERRUPT_ACK, causes);
    return causes;
  }

  /** Waits for the next returned request. */
  GuestDriver.Completion awaitCompletion(int index) throws InterruptedException {
    while (true) {
      Optional<GuestDriver.Completion> done = queues.get(index).poll();
      if (done.isPresent()) {
        return done.get();
      }
      if (!queues.get(index).enableCalls()) {
        awaitInterrupt();
      }
      if (needsReset()) {
        throw new AssertionError("the device needs a reset");
      }
    }
  }

  /** Waits until the device says that it needs a reset, as a driver would: by its interrupt. */
  void awaitNeedsReset() throws InterruptedException {
    while (!needsReset()) {
      awaitInterrupt();
    }
  }
}
