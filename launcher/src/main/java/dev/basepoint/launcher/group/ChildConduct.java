package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.EventBudget;
import dev.basepoint.ipc.control.SupervisionEvent;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * Judges what a child says unasked. Whoever has taken over a child may say anything; it costs the
 * child, and of the launcher's memory and its user's terminal no more than the budgets here.
 */
final class ChildConduct {
  /** More than any child has to say while it starts. */
  private static final int EVENTS_BURST = 256;

  private static final long NANOS_PER_EVENT = TimeUnit.MILLISECONDS.toNanos(50);

  /** As many as vmm-main passes on from its guest. */
  private static final int MARKERS_MAX = 4096;

  private static final int MARKER_LAST = 255;

  private final Role role;
  private final Predicate<String> isDevice;
  private final EventBudget budget;
  private int markers;

  /**
   * @param isDevice whether the VM has a device of a name
   */
  ChildConduct(Role role, Predicate<String> isDevice, long nowNanos) {
    this.role = role;
    this.isDevice = isDevice;
    budget = new EventBudget(EVENTS_BURST, NANOS_PER_EVENT, nowNanos);
  }

  /** Why {@code event} is not for this child to say; empty if all is well. */
  Optional<String> objectionTo(SupervisionEvent event, long nowNanos) {
    String what = event.getClass().getSimpleName();
    boolean saidByAll =
        switch (event) {
          case SupervisionEvent.Milestone _, SupervisionEvent.Warning _ -> true;
          case SupervisionEvent.GuestReady _,
              SupervisionEvent.GuestMarker _,
              SupervisionEvent.GuestStopped _,
              SupervisionEvent.DeviceFailed _ ->
              false;
        };
    if (!saidByAll && role != Role.VMM_MAIN) {
      return Optional.of("sent " + what + ", which only vmm-main may");
    }
    if (event instanceof SupervisionEvent.GuestMarker(int value, long _)) {
      return objectionToMarker(value);
    }
    if (event instanceof SupervisionEvent.DeviceFailed(String device, String _)
        && !isDevice.test(device)) {
      return Optional.of("reported the failure of " + device + ", which is no device of its VM");
    }
    return budget.take(nowNanos)
        ? Optional.empty()
        : Optional.of("sends events faster than anything can happen");
  }

  private Optional<String> objectionToMarker(int value) {
    if (value < 0 || value > MARKER_LAST) {
      return Optional.of("sent marker " + value);
    }
    markers++;
    return markers <= MARKERS_MAX
        ? Optional.empty()
        : Optional.of("sent more than " + MARKERS_MAX + " markers");
  }
}
