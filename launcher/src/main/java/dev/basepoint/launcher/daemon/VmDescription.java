package dev.basepoint.launcher.daemon;

import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.RunResult;
import dev.basepoint.launcher.group.StartFailure;
import dev.basepoint.launcher.group.Vm;
import dev.basepoint.launcher.group.VmFacts;
import dev.basepoint.launcher.group.VmStateException;
import dev.basepoint.launcher.manifest.DeviceSpec;
import dev.basepoint.launcher.manifest.ManifestWriter;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/** What the daemon tells about a VM. */
final class VmDescription {
  private static final Duration COUNTERS_TIMEOUT = Duration.ofSeconds(2);

  private VmDescription() {}

  /** One line of a list. */
  static SequencedMap<String, Object> brief(DaemonVm vm) {
    SequencedMap<String, Object> facts =
        Facts.of(
            "name", vm.name(),
            "tenant", vm.tenant(),
            "state", vm.state().key(),
            "origin", vm.origin(),
            "vcpus", vm.manifest().vcpus(),
            "memory_bytes", vm.manifest().memoryBytes(),
            "devices", vm.manifest().devices().stream().map(DeviceSpec::name).toList(),
            "uptime_ms", vm.uptimeMillis(),
            "console_bytes", vm.console().total());
    vm.result()
        .ifPresent(
            result -> {
              facts.put("outcome", result.outcome().key());
              facts.put("detail", result.detail());
              facts.put("exit_code", result.outcome().exitCode().code());
            });
    vm.failure().ifPresent(failure -> facts.put("failure", failure));
    return facts;
  }

  /** What whoever started it is told. */
  static SequencedMap<String, Object> started(DaemonVm vm) {
    SequencedMap<String, Object> facts = brief(vm);
    vm.vm().ifPresent(running -> facts.put("timings", timings(running.timings())));
    return facts;
  }

  /** Everything. */
  static SequencedMap<String, Object> full(DaemonVm vm) throws CommandException {
    SequencedMap<String, Object> facts = brief(vm);
    facts.put("warnings", vm.warnings());
    facts.put("manifest", ManifestWriter.write(vm.manifest()));
    if (vm.result().isPresent()) {
      RunResult result = vm.result().get();
      facts.put("guest", result.guest());
      addFacts(facts, new VmFacts(result.devices(), result.processes()));
      facts.put("timings", timings(result.timings()));
    } else if (vm.vm().isPresent() && !vm.ended()) {
      Vm running = vm.vm().get();
      try {
        addFacts(facts, running.facts(COUNTERS_TIMEOUT));
      } catch (VmStateException e) {
        // It ended meanwhile; the next one who asks sees its result.
        facts.put("state", Vm.State.ENDED.key());
      } catch (IOException e) {
        throw StartFailure.of(e);
      }
      facts.put("timings", timings(running.timings()));
    }
    return facts;
  }

  private static void addFacts(SequencedMap<String, Object> facts, VmFacts of) {
    facts.put("devices", of.devices().stream().map(RunResult.DeviceFacts::toJson).toList());
    facts.put("processes", of.processes().stream().map(RunResult.ProcessFacts::toJson).toList());
  }

  private static SequencedMap<String, Object> timings(List<RunResult.Timing> timings) {
    SequencedMap<String, Object> millis = new LinkedHashMap<>();
    timings.forEach(timing -> millis.put(timing.name(), timing.millis()));
    return millis;
  }
}
