package dev.basepoint.vmm.virtio.channel;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.vmm.virtio.mmio.DriverSetup;
import dev.basepoint.vmm.virtio.shadow.Window;
import java.util.Collections;
import java.util.List;

/**
 * A window and whose rings are in it.
 *
 * @param queues indexes of the queues, in the order of their rings
 */
record ServerWindow(Window memory, List<Integer> queues) implements AutoCloseable {
  /** Makes a window for all queues that a driver has set up. */
  static ServerWindow create(String name, DriverSetup setup, int queueSize, long slotsBytesPerQueue)
      throws ErrnoException {
    List<Integer> queues = setup.queues().stream().map(DriverSetup.Queue::index).toList();
    return new ServerWindow(
        Window.create(name, Collections.nCopies(queues.size(), queueSize), slotsBytesPerQueue),
        queues);
  }

  /** Unmaps; nobody may be using it any more. */
  @Override
  public void close() {
    memory.close();
  }
}
