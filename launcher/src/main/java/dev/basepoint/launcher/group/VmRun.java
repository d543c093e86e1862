package dev.basepoint.launcher.group;

import com.fasterxml.jackson.databind.JsonNode;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.launcher.manifest.DeviceSpec;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/** One VM from its manifest to its end, and the facts of it. */
public final class VmRun {
  private static final Duration COUNTERS_TIMEOUT = Duration.ofSeconds(2);
  private static final Duration FOREVER = Duration.ofDays(365);

  private final VmManifest manifest;
  private final Installation installation;
  private final Timeline timeline;
  private final GuestConsole.Sink consoleSink;
  private final Consumer<String> warningSink;
  private final Map<Child, ChildProcess.Exit> exits = new ConcurrentHashMap<>();
  private final List<String> warnings = new CopyOnWriteArrayList<>();
  private volatile ProcessGroup group;
  private volatile boolean stopRequested;

  /**
   * @param consoleSink takes what the guest prints
   * @param warningSink told at once about each thing a person should know
   */
  public VmRun(
      VmManifest manifest,
      Installation installation,
      Timeline timeline,
      GuestConsole.Sink consoleSink,
      Consumer<String> warningSink) {
    this.manifest = manifest;
    this.installation = installation;
    this.timeline = timeline;
    this.consoleSink = consoleSink;
    this.warningSink = warningSink;
  }

  /**
   * Runs the VM until it ends. All processes have ended when this returns or throws.
   *
   * @param keys what the user types for the guest, or null
   * @throws IOException if the VM cannot be started; says what to do
   */
  public RunFacts execute(java.io.InputStream keys) throws IOException {
    Duration startTimeout = Duration.ofMillis(manifest.timeouts().startMillis());
    try (GuestConsole console = GuestConsole.create(keys != null);
        GroupPlan plan = PlanOpener.open(manifest, console.guestInput(), console.guestOutput());
        ProcessGroup started = new ProcessGroup(installation, new Observer(), startTimeout)) {
      timeline.mark("launcher", "opened");
      group = started;
      console.relayOutput(consoleSink);
      if (keys != null) {
        console.relayInput(keys);
      }
      started.start(plan);
      timeline.mark("launcher", "started");
      plan.release();
      if (stopRequested) {
        started.requestStop();
      }
      GroupOutcome outcome = started.await(runTimeout());
      timeline.mark("launcher", "ended");
      List<SupervisionReply.Group> counters = started.counters(COUNTERS_TIMEOUT);
      List<RunFacts.ProcessFacts> processes = processes(started);
      started.stop();
      console.end();
      timeline.mark("launcher", "stopped");
      return facts(outcome, console.report(), counters, processes);
    }
  }

  private Duration runTimeout() {
    return manifest.timeouts().runMillis().isPresent()
        ? Duration.ofMillis(manifest.timeouts().runMillis().getAsLong())
        : FOREVER;
  }

  /** Ends the run from another thread, for example upon Ctrl-C. */
  public void requestStop() {
    stopRequested = true;
    ProcessGroup running = group;
    if (running != null) {
      running.requestStop();
    }
  }

  /** The group while it runs, for those who look at its processes; null before. */
  public ProcessGroup group() {
    return group;
  }

  private final class Observer implements GroupListener {
    @Override
    public void onSpawned(Child child) {
      timeline.mark(child.name(), "spawned", child.spawnedNanos());
    }

    @Override
    public void onEvent(Child child, SupervisionEvent event) {
      switch (event) {
        case SupervisionEvent.Milestone(String name, long nanos) ->
            timeline.mark(child.name(), name, nanos);
        case SupervisionEvent.GuestReady(long nanos) -> timeline.mark("guest", "ready", nanos);
        case SupervisionEvent.GuestMarker(int value, long nanos) ->
            timeline.mark("guest", "marker " + value, nanos);
        case SupervisionEvent.GuestStopped stopped ->
            timeline.mark("guest", "stopped", stopped.monotonicNanos());
        case SupervisionEvent.DeviceFailed(String device, String reason) ->
            warn("device " + device + " failed: " + reason);
        case SupervisionEvent.Warning(String text) -> warn(child.name() + ": " + text);
      }
    }

    @Override
    public void onExit(Child child, ChildProcess.Exit exit, boolean expected, String output) {
      exits.put(child, exit);
      boolean clean = exit.status() == 0;
      if (!expected || !clean) {
        warn(
            child.role().module()
                + " of "
                + child.name()
                + " (pid "
                + child.pid()
                + ") ended with "
                + exit
                + (output.isEmpty() ? "" : ": " + output));
      }
    }
  }

  private void warn(String text) {
    warnings.add(text);
    warningSink.accept(text);
  }

  private List<RunFacts.ProcessFacts> processes(ProcessGroup running) {
    List<RunFacts.ProcessFacts> processes = new ArrayList<>();
    int self = (int) ProcessHandle.current().pid();
    processes.add(process("launcher", manifest.name(), self, null));
    for (Child child : running.children()) {
      ChildProcess.Exit exit = exits.get(child);
      processes.add(
          process(
              child.role().module(),
              child.name(),
              child.pid(),
              exit == null ? null : exit.toString()));
    }
    return processes;
  }

  private static RunFacts.ProcessFacts process(String role, String name, int pid, String exit) {
    ProcessMemory memory = exit == null ? ProcessMemory.of(pid) : new ProcessMemory(0, 0, 0);
    return new RunFacts.ProcessFacts(
        role, name, pid, memory.privateKib(), memory.sharedKib(), memory.proportionalKib(), exit);
  }

  private RunFacts facts(
      GroupOutcome outcome,
      GuestReport report,
      List<SupervisionReply.Group> counters,
      List<RunFacts.ProcessFacts> processes) {
    List<JsonNode> done = report.events("done");
    Integer failures = done.isEmpty() ? null : done.getLast().path("failures").asInt();
    Map<String, Double> timings = new LinkedHashMap<>();
    for (Timeline.Entry entry : timeline.entries()) {
      timings.putIfAbsent(entry.source() + "." + entry.event(), entry.millis());
    }
    return new RunFacts(
        manifest.name(),
        outcome(outcome, failures),
        new RunFacts.Guest(report.consoleBytes(), failures, report.events()),
        devices(counters),
        processes,
        timings,
        List.copyOf(warnings));
  }

  private RunFacts.Outcome outcome(GroupOutcome outcome, Integer failures) {
    return switch (outcome) {
      case GroupOutcome.GuestEnded(SupervisionEvent.StopReason reason, String detail) -> {
        String kind = reason.name().toLowerCase(Locale.ROOT).replace('_', '-');
        boolean good =
            reason == SupervisionEvent.StopReason.POWER_OFF
                && (failures == null || failures == 0)
                && exits.isEmpty();
        String why =
            failures != null && failures > 0
                ? "the guest reports " + failures + " failures"
                : detail;
        yield new RunFacts.Outcome(kind, why, good);
      }
      case GroupOutcome.ChildLost(String child, String how) ->
          new RunFacts.Outcome("child-lost", child + " ended with " + how, false);
      case GroupOutcome.Stopped() -> new RunFacts.Outcome("stopped", "on request", true);
      case GroupOutcome.TimedOut(long millis) ->
          new RunFacts.Outcome("timed-out", "timeouts.run of " + millis + " ms has passed", false);
    };
  }

  private Map<String, RunFacts.Device> devices(List<SupervisionReply.Group> counters) {
    Map<String, RunFacts.Device> devices = new LinkedHashMap<>();
    for (DeviceSpec device : manifest.devices()) {
      Map<String, Long> server = counters(counters, device.name());
      Map<String, Long> shadow = counters(counters, "shadow." + device.name());
      devices.put(
          device.name(),
          new RunFacts.Device(
              device.type(),
              server.getOrDefault("requests", 0L),
              server.getOrDefault("bytesToGuest", 0L) + server.getOrDefault("bytesFromGuest", 0L),
              server.getOrDefault("errors", 0L),
              server,
              shadow));
    }
    return devices;
  }

  private static Map<String, Long> counters(List<SupervisionReply.Group> groups, String name) {
    for (SupervisionReply.Group group : groups) {
      if (group.name().equals(name)) {
        return new java.util.TreeMap<>(group.values());
      }
    }
    return Map.of();
  }
}
