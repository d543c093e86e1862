package dev.basepoint.vmm.machine;

/** An edge-triggered interrupt line of the guest. Safe for all threads; never blocks. */
public interface InterruptLine {
  /** Sends one edge; edges that the guest has not yet taken may merge. */
  void raise();
}
