package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.sandbox.jail.Violation;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;

/** Notes what happens to a group while it runs, and tells a listener what matters. */
final class RunRecorder implements GroupListener {
  /** A child that is let go on may be refused any number of times; so many are shown. */
  private static final int VIOLATIONS_SHOWN_MAX = 100;

  private final Supplier<String> vm;
  private final Timeline timeline;
  private final VmListener listener;
  private final Map<Child, ChildProcess.Exit> exits = new ConcurrentHashMap<>();
  private final Map<String, String> failedDevices = new ConcurrentHashMap<>();
  private final Set<String> notices = ConcurrentHashMap.newKeySet();
  private final Map<Child, Integer> violations = new ConcurrentHashMap<>();
  private final AtomicReference<String> deadlyViolation = new AtomicReference<>();
  private final AtomicReference<String> breach = new AtomicReference<>();

  /**
   * @param vm the VM's name, which may change before the VM runs
   */
  RunRecorder(Supplier<String> vm, Timeline timeline, VmListener listener) {
    this.vm = vm;
    this.timeline = timeline;
    this.listener = listener;
  }

  @Override
  public void onSpawned(Child child) {
    timeline.mark(child.name(), "spawned", child.spawnedNanos());
    listener.onStep("starting " + child.name());
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
        listener.onWarning("device " + device + " failed: " + reason);
      }
      case SupervisionEvent.Warning(String text) -> listener.onWarning(child.name() + ": " + text);
    }
    listener.onEvent(child, event);
  }

  @Override
  public void onNotices(Child child, List<String> texts) {
    for (String text : texts) {
      if (notices.add(text)) {
        listener.onWarning("sandbox " + text);
      }
    }
  }

  @Override
  public void onViolation(Child child, Violation violation, boolean deadly) {
    String text =
        child.role().module()
            + " of "
            + child.name()
            + " in VM "
            + vm.get()
            + " violated its sandbox: "
            + violation.explanation().strip();
    int count = violations.merge(child, 1, Integer::sum);
    if (deadly) {
      deadlyViolation.compareAndSet(null, text);
    }
    if (count <= VIOLATIONS_SHOWN_MAX) {
      listener.onWarning(text);
    }
  }

  @Override
  public void onBreach(Child child, String what) {
    String text = child.role().module() + " of " + child.name() + " " + what;
    breach.compareAndSet(null, text);
    listener.onWarning(text + "; it is ended");
  }

  @Override
  public void onExit(Child child, ChildProcess.Exit exit, boolean expected, String output) {
    if (expected && exit.status() == 0) {
      return;
    }
    if (!expected) {
      exits.put(child, exit);
    }
    listener.onWarning(
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

  /** How often each child attempted what its policy does not cover; absent if never. */
  Map<Child, Integer> violations() {
    return violations;
  }

  /** The first violation that a process was ended for, as one sentence. */
  Optional<String> deadlyViolation() {
    return Optional.ofNullable(deadlyViolation.get());
  }

  /** The first thing that a process was ended for other than a violation, as one sentence. */
  Optional<String> breach() {
    return Optional.ofNullable(breach.get());
  }

  /** Devices that vmm-main gave up, and why. */
  Map<String, String> failedDevices() {
    return failedDevices;
  }
}
