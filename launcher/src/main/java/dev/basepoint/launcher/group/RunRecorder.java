package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.launcher.cli.RunObserver;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Notes what happens to a group while it runs, and tells the user what matters. */
final class RunRecorder implements GroupListener {
  private final Timeline timeline;
  private final RunObserver observer;
  private final Map<Child, ChildProcess.Exit> exits = new ConcurrentHashMap<>();
  private final Map<String, String> failedDevices = new ConcurrentHashMap<>();

  RunRecorder(Timeline timeline, RunObserver observer) {
    this.timeline = timeline;
    this.observer = observer;
  }

  @Override
  public void onSpawned(Child child) {
    timeline.mark(child.name(), "spawned", child.spawnedNanos());
    observer.step("starting " + child.name());
  }

  @Override
  public void onEvent(Child child, SupervisionEvent event) {
    switch (event) {
      case SupervisionEvent.Milestone(String name, long nanos) ->
          timeline.mark(child.name(), name, nanos);
      case SupervisionEvent.GuestReady(long nanos) -> timeline.mark("guest", "ready", nanos);
      case SupervisionEvent.GuestMarker(int value, long nanos) ->
          timeline.mark("guest", "marker-" + value, nanos);
      case SupervisionEvent.GuestStopped stopped ->
          timeline.mark("guest", "stopped", stopped.monotonicNanos());
      case SupervisionEvent.DeviceFailed(String device, String reason) -> {
        failedDevices.put(device, reason);
        observer.warning("device " + device + " failed: " + reason);
      }
      case SupervisionEvent.Warning(String text) -> observer.warning(child.name() + ": " + text);
    }
  }

  @Override
  public void onExit(Child child, ChildProcess.Exit exit, boolean expected, String output) {
    if (expected && exit.status() == 0) {
      return;
    }
    if (!expected) {
      exits.put(child, exit);
    }
    observer.warning(
        child.role().module()
            + " of "
            + child.name()
            + " (pid "
            + child.pid()
            + ") ended with "
            + exit
            + (output.isEmpty() ? "" : ", saying: " + output));
  }

  /** Children that ended before they were asked to, and how. */
  Map<Child, ChildProcess.Exit> unexpectedExits() {
    return exits;
  }

  /** Devices that vmm-main gave up, and why. */
  Map<String, String> failedDevices() {
    return failedDevices;
  }
}
