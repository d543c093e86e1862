package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import dev.basepoint.launcher.cli.Outcome;

/** How a group's run ended. */
public sealed interface GroupOutcome {
  /** The guest ended by itself. */
  record GuestEnded(StopReason reason, String detail) implements GroupOutcome {}

  /** A process that the VM cannot do without ended. */
  record ChildLost(String child, String how) implements GroupOutcome {}

  /**
   * Somebody asked for the end.
   *
   * @param as what that makes of the run
   */
  record Stopped(Outcome as) implements GroupOutcome {}

  /** The run took longer than it may. */
  record TimedOut(long millis) implements GroupOutcome {}
}
