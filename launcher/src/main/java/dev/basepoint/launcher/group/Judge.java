package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import dev.basepoint.launcher.cli.Outcome;
import dev.basepoint.launcher.cli.RunResult;
import java.util.List;
import java.util.SequencedMap;

/** Says how a run went, from everything that is known at its end. */
final class Judge {
  /**
   * The verdict.
   *
   * @param detail one sentence
   */
  record Judgement(Outcome outcome, String detail) {}

  private Judge() {}

  static Judgement judge(
      GroupOutcome outcome,
      GuestReport report,
      List<RunResult.DeviceFacts> devices,
      RunRecorder recorder) {
    if (recorder.deadlyViolation().isPresent() && !(outcome instanceof GroupOutcome.Stopped)) {
      return new Judgement(Outcome.SANDBOX_VIOLATION, recorder.deadlyViolation().get());
    }
    if (recorder.breach().isPresent() && !(outcome instanceof GroupOutcome.Stopped)) {
      return new Judgement(Outcome.PROCESS_DIED, recorder.breach().get());
    }
    return switch (outcome) {
      case GroupOutcome.Stopped(Outcome as) -> new Judgement(as, "all stopped");
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
