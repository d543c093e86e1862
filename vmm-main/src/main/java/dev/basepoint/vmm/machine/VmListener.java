package dev.basepoint.vmm.machine;

import dev.basepoint.ipc.control.SupervisionEvent;

/** Hears what happens to a machine. Called on vCPU threads; must not block. */
public interface VmListener {
  /** Something to report: a milestone, the ready doorbell, a marker, a warning. */
  void onEvent(SupervisionEvent event);

  /**
   * The guest has rung ready, on a machine that is to pause then: its vCPUs are about to pause, the
   * one that rang included. {@link Vm#pause} waits for them.
   */
  default void onPausingAtReady(long monotonicNanos) {}

  /**
   * The guest has ended, for the first reason that came. Its vCPUs are about to stop; {@link
   * Vm#stop} waits for them.
   */
  void onEnd(SupervisionEvent.StopReason reason, String detail);
}
