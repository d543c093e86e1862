package dev.basepoint.vmm.virtio;

import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.memory.MemoryRegion;
import dev.basepoint.vmm.machine.DeviceHost;
import dev.basepoint.vmm.machine.InterruptLine;
import dev.basepoint.vmm.machine.MmioDevice;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;

/** A machine of plain memory: no KVM, no vCPU; the test plays the guest. */
final class TestHost implements DeviceHost, AutoCloseable {
  static final long RAM_BYTES = 64L << 20;

  private final Arena arena = Arena.ofShared();
  private final GuestMemory memory;
  private final Map<Long, MmioDevice> devices = new HashMap<>();
  private final Map<Integer, Semaphore> interrupts = new HashMap<>();
  private final Map<Doorbell, EventFd> doorbells = new HashMap<>();

  TestHost() {
    memory =
        new GuestMemory(List.of(new MemoryRegion(0, RAM_BYTES, arena.allocate(RAM_BYTES, 4096))));
  }

  /** Another machine on the RAM of one that has ended, or will not touch it any more. */
  TestHost(TestHost before) {
    memory = before.memory;
  }

  private record Doorbell(long gpa, int bytes, long datamatch) {}

  @Override
  public GuestMemory memory() {
    return memory;
  }

  @Override
  public void addMmioDevice(long baseGpa, long sizeBytes, MmioDevice device) {
    if (devices.put(baseGpa, device) != null) {
      throw new IllegalArgumentException("two devices at 0x" + Long.toHexString(baseGpa));
    }
  }

  @Override
  public InterruptLine interruptLine(int gsi) {
    return interrupts(gsi)::release;
  }

  @Override
  public void addIoeventfd(long gpa, int bytes, long datamatch, EventFd eventFd) {
    doorbells.put(new Doorbell(gpa, bytes, datamatch), eventFd);
  }

  @Override
  public void removeIoeventfd(long gpa, int bytes, long datamatch, EventFd eventFd) {
    doorbells.remove(new Doorbell(gpa, bytes, datamatch), eventFd);
  }

  MmioDevice device(MmioSlot slot) {
    return devices.get(slot.baseGpa());
  }

  /** Edges sent to a line and not yet taken. */
  Semaphore interrupts(int gsi) {
    return interrupts.computeIfAbsent(gsi, _ -> new Semaphore(0));
  }

  /** A store by the guest, as KVM would route it: to an ioeventfd, otherwise to the device. */
  void store(MmioSlot slot, long offset, int bytes, long value) {
    EventFd eventFd = doorbells.get(new Doorbell(slot.baseGpa() + offset, bytes, value));
    if (eventFd != null) {
      eventFd.signal();
    } else {
      device(slot).write(offset, bytes, value);
    }
  }

  long load(MmioSlot slot, long offset, int bytes) {
    return device(slot).read(offset, bytes);
  }

  @Override
  public void close() {
    arena.close();
  }
}
