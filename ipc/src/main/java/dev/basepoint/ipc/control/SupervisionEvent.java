package dev.basepoint.ipc.control;

/** What a child reports to the launcher unasked. Times are CLOCK_MONOTONIC, as System.nanoTime. */
public sealed interface SupervisionEvent {
  /** A step on the way to a running guest, for the time line. */
  record Milestone(String name, long monotonicNanos) implements SupervisionEvent {}

  /** The guest rang the ready doorbell. */
  record GuestReady(long monotonicNanos) implements SupervisionEvent {}

  /** The guest wrote a marker, 0 to 255, to the doorbell. */
  record GuestMarker(int value, long monotonicNanos) implements SupervisionEvent {}

  /** The guest has ended; all vCPUs have stopped. */
  record GuestStopped(StopReason reason, String detail, long monotonicNanos)
      implements SupervisionEvent {}

  /** Why a guest ended. */
  enum StopReason {
    POWER_OFF,
    RESET,
    TRIPLE_FAULT,
    ERROR
  }

  /** A device server failed vmm-main: it broke the protocol, hung or ended. */
  record DeviceFailed(String device, String reason) implements SupervisionEvent {}

  /** Something a person should know. */
  record Warning(String text) implements SupervisionEvent {}
}
