package dev.basepoint.vmm.virtio.shadow;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.window.SlotAllocator;
import dev.basepoint.ipc.window.WindowLayout;
import java.util.List;

/**
 * The memory that vmm-main and one device server share for one activation: a memfd whose size is
 * sealed, so that the server cannot truncate it under our feet. Queues have slot areas of their
 * own: buffers that a network device holds for a long time cannot starve its other queue.
 *
 * <pre>
 *   | rings of queue 0 | rings of queue 1 | slots of queue 0 | slots of queue 1 |
 * </pre>
 */
public final class Window implements AutoCloseable {
  private final Fd memfd;
  private final Mapping mapping;
  private final GuestMemory memory;
  private final WindowLayout layout;
  private final long slotsBytesPerQueue;

  private Window(Fd memfd, Mapping mapping, WindowLayout layout, long slotsBytesPerQueue) {
    this.memfd = memfd;
    this.mapping = mapping;
    this.layout = layout;
    this.slotsBytesPerQueue = slotsBytesPerQueue;
    this.memory = GuestMemory.ofWindow(mapping.segment());
  }

  /**
   * Makes a window.
   *
   * @param name shown in /proc/PID/maps, for people
   * @param queueSizes descriptors of each queue
   * @param slotsBytesPerQueue whole pages; only touched ones take memory
   */
  public static Window create(String name, List<Integer> queueSizes, long slotsBytesPerQueue)
      throws ErrnoException {
    WindowLayout layout =
        WindowLayout.compute(queueSizes, Math.multiplyExact(slotsBytesPerQueue, queueSizes.size()));
    Fd memfd = MemFd.create(name, layout.totalBytes());
    try {
      MemFd.seal(memfd, MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW | MemFd.F_SEAL_SEAL);
      Mapping mapping = Mapping.shared(memfd, 0, layout.totalBytes(), true);
      return new Window(memfd, mapping, layout, slotsBytesPerQueue);
    } catch (ErrnoException e) {
      memfd.close();
      throw e;
    }
  }

  /** The memfd, for the device server. */
  public Fd memfd() {
    return memfd;
  }

  /** Size in bytes. */
  public long sizeBytes() {
    return layout.totalBytes();
  }

  /** Where the rings of the {@code ordinal}th queue lie; addresses are offsets in the window. */
  public RingAddresses rings(int ordinal) {
    return layout.queues().get(ordinal);
  }

  GuestMemory memory() {
    return memory;
  }

  SlotAllocator slots(int ordinal) {
    return new SlotAllocator(
        layout.slotsOffset() + ordinal * slotsBytesPerQueue, slotsBytesPerQueue);
  }

  /** Unmaps; nobody may be using the window any more. */
  @Override
  public void close() {
    mapping.close();
    memfd.close();
  }
}
