package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import dev.basepoint.launcher.cli.Outcome;
import dev.basepoint.launcher.cli.ReportFilter;
import dev.basepoint.launcher.cli.RunObserver;
import dev.basepoint.launcher.cli.RunRequest;
import dev.basepoint.launcher.cli.RunResult;
import dev.basepoint.launcher.cli.VmRunner;
import dev.basepoint.launcher.manifest.ConsoleTarget;
import dev.basepoint.launcher.manifest.VmManifest;
import dev.basepoint.sandbox.jail.JailException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/** Runs one VM in the launcher's own process, without a daemon. */
public final class GroupRunner implements VmRunner {
  private static final Duration COUNTERS_TIMEOUT = Duration.ofSeconds(2);
  private static final Duration FOREVER = Duration.ofDays(365);

  private final Installation installation;

  public GroupRunner(Installation installation) {
    this.installation = installation;
  }

  @Override
  public RunResult run(RunRequest request, RunObserver observer) throws CommandException {
    Timeline timeline = Timeline.since(request.commandStartEpochMicros());
    timeline.mark("launcher", "manifest-read");
    try (OutputStream consoleTarget = consoleTarget(request)) {
      return run(request, observer, timeline, consoleTarget);
    } catch (JailException e) {
      throw new CommandException(ExitCode.HOST_UNSUITABLE, e.getMessage(), e);
    } catch (ErrnoException e) {
      throw new CommandException(exitCode(e.errno()), e.getMessage(), e);
    } catch (IOException e) {
      ErrnoException cause = e.getCause() instanceof ErrnoException errno ? errno : null;
      ExitCode code = cause == null ? ExitCode.SYSTEM_ERROR : exitCode(cause.errno());
      throw new CommandException(code, e.getMessage(), e);
    }
  }

  private static ExitCode exitCode(int errno) {
    return switch (errno) {
      case Errno.EACCES, Errno.EPERM -> ExitCode.PERMISSION_DENIED;
      case Errno.ENOENT -> ExitCode.INPUT_MISSING;
      case Errno.ENODEV, Errno.ENXIO -> ExitCode.HOST_UNSUITABLE;
      default -> ExitCode.SYSTEM_ERROR;
    };
  }

  private RunResult run(
      RunRequest request, RunObserver observer, Timeline timeline, OutputStream consoleTarget)
      throws IOException {
    VmManifest manifest = request.vm();
    boolean interactive = manifest.console() instanceof ConsoleTarget.Stdio;
    RunRecorder recorder = new RunRecorder(manifest.name(), timeline, observer);
    Map<String, Fd> images = new LinkedHashMap<>();
    try (GuestConsole console = GuestConsole.create(interactive);
        GroupPlan plan = PlanOpener.open(manifest, console.guestInput(), console.guestOutput());
        ProcessGroup group =
            new ProcessGroup(
                installation,
                Installation.isTraining() ? SandboxLevel.OFF : request.sandbox(),
                recorder,
                Duration.ofMillis(manifest.timeouts().startMillis()));
        StopSignals signals = StopSignals.install(group)) {
      timeline.mark("launcher", "opened");
      keepImages(plan, images);
      console.relayOutput(
          (bytes, count) -> {
            observer.guestRuns();
            consoleTarget.write(bytes, 0, count);
            consoleTarget.flush();
          });
      if (interactive) {
        console.relayInput(System.in);
      }
      GroupOutcome outcome;
      try {
        group.start(plan);
        timeline.mark("launcher", "started");
        plan.release();
        outcome = group.await(runTimeout(manifest));
      } catch (IOException e) {
        if (signals.stopRequested()) {
          outcome = new GroupOutcome.Stopped();
        } else if (recorder.deadlyViolation().isPresent()) {
          outcome = new GroupOutcome.ChildLost("a process", e.getMessage());
        } else {
          throw e;
        }
      }
      timeline.mark("launcher", "ended");
      SequencedMap<Child, List<SupervisionReply.Group>> counters = group.counters(COUNTERS_TIMEOUT);
      List<RunResult.ProcessFacts> processes = RunFacts.processes(manifest, group, recorder);
      group.stop();
      console.end();
      timeline.mark("launcher", "stopped");
      GuestReport report = console.report();
      List<RunResult.DeviceFacts> devices = RunFacts.devices(manifest, counters, report, images);
      Judgement judgement = judge(outcome, report, devices, recorder, signals);
      return new RunResult(
          judgement.outcome(),
          judgement.detail(),
          RunFacts.guest(manifest, report),
          devices,
          processes,
          RunFacts.timings(timeline));
    } finally {
      images.values().forEach(Fd::close);
    }
  }

  private static Duration runTimeout(VmManifest manifest) {
    return manifest.timeouts().runMillis().isPresent()
        ? Duration.ofMillis(manifest.timeouts().runMillis().getAsLong())
        : FOREVER;
  }

  private static OutputStream consoleTarget(RunRequest request) throws IOException {
    return switch (request.vm().console()) {
      case ConsoleTarget.Stdio _ -> {
        OutputStream standard =
            unclosed(request.guestOutputToStdout() ? FileDescriptor.out : FileDescriptor.err);
        yield request.showsReports() ? standard : new ReportFilter(standard);
      }
      case ConsoleTarget.LogFile file ->
          Files.newOutputStream(file.path(), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      case ConsoleTarget.None _ -> OutputStream.nullOutputStream();
    };
  }

  /** Writes to a standard stream, which outlives the run. */
  private static OutputStream unclosed(FileDescriptor standard) {
    return new FilterOutputStream(new FileOutputStream(standard)) {
      @Override
      public void write(byte[] bytes, int offset, int count) throws IOException {
        out.write(bytes, offset, count);
      }

      @Override
      public void close() throws IOException {
        flush();
      }
    };
  }

  /** Keeps the disks open beyond the run: scratch disks have no name to open them by. */
  private static void keepImages(GroupPlan plan, Map<String, Fd> images) throws IOException {
    for (DevicePlan device : plan.devices()) {
      if (device instanceof DevicePlan.Blk blk) {
        images.put(blk.name(), blk.image().duplicate());
      }
    }
  }

  private record Judgement(Outcome outcome, String detail) {}

  private static Judgement judge(
      GroupOutcome outcome,
      GuestReport report,
      List<RunResult.DeviceFacts> devices,
      RunRecorder recorder,
      StopSignals signals) {
    if (recorder.deadlyViolation().isPresent() && !(outcome instanceof GroupOutcome.Stopped)) {
      return new Judgement(Outcome.SANDBOX_VIOLATION, recorder.deadlyViolation().get());
    }
    return switch (outcome) {
      case GroupOutcome.Stopped() ->
          new Judgement(
              signals.terminated() ? Outcome.TERMINATED : Outcome.INTERRUPTED, "all stopped");
      case GroupOutcome.TimedOut(long millis) ->
          new Judgement(Outcome.TIMED_OUT, "timeouts.run of " + millis + " ms has passed");
      case GroupOutcome.ChildLost(String child, String how) ->
          new Judgement(Outcome.PROCESS_DIED, child + " ended with " + how);
      case GroupOutcome.GuestEnded(StopReason reason, String detail) ->
          judgeGuest(reason, detail, report, devices, recorder);
    };
  }

  private static Judgement judgeGuest(
      StopReason reason,
      String detail,
      GuestReport report,
      List<RunResult.DeviceFacts> devices,
      RunRecorder recorder) {
    if (!recorder.unexpectedExits().isEmpty()) {
      var lost = recorder.unexpectedExits().entrySet().iterator().next();
      return new Judgement(
          Outcome.PROCESS_DIED, lost.getKey().name() + " ended with " + lost.getValue());
    }
    if (!recorder.failedDevices().isEmpty()) {
      var failed = recorder.failedDevices().entrySet().iterator().next();
      return new Judgement(Outcome.DEVICE_FAILED, failed.getKey() + ": " + failed.getValue());
    }
    if (reason == StopReason.TRIPLE_FAULT || reason == StopReason.ERROR) {
      return new Judgement(Outcome.GUEST_CRASHED, detail);
    }
    List<SequencedMap<String, Object>> done = report.events("done");
    if (!done.isEmpty()
        && done.getLast().get("failures") instanceof Long failures
        && failures > 0) {
      return new Judgement(
          Outcome.GUEST_REPORTED_FAILURE, "the guest counts " + failures + " failures");
    }
    for (RunResult.DeviceFacts device : devices) {
      if (Boolean.FALSE.equals(device.more().get("same_as_in_guest"))) {
        return new Judgement(
            Outcome.DEVICE_FAILED,
            device.name() + ": the image's hash is not the one the guest read back");
      }
    }
    return reason == StopReason.RESET
        ? new Judgement(Outcome.RESET, detail)
        : new Judgement(Outcome.POWERED_OFF, detail);
  }
}
