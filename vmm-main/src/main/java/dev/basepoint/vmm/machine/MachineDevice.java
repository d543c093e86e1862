package dev.basepoint.vmm.machine;

import dev.basepoint.ipc.control.SupervisionReply;

/** A device plugged into a machine, as whoever runs the machine sees it. */
public interface MachineDevice extends AutoCloseable {
  /** The device's name in the manifest. */
  String name();

  /** Its counters, under its name; safe from any thread. */
  SupervisionReply.Group counters();

  /** Lets go of everything. Called after all vCPUs have stopped, before the I/O thread ends. */
  @Override
  void close();
}
