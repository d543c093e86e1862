package dev.basepoint.launcher.daemon;

import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import dev.basepoint.launcher.group.GroupPlan;
import dev.basepoint.launcher.group.GuestConsole;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.PlanOpener;
import dev.basepoint.launcher.group.SandboxLevel;
import dev.basepoint.launcher.group.StartFailure;
import dev.basepoint.launcher.group.Timeline;
import dev.basepoint.launcher.group.Vm;
import dev.basepoint.launcher.manifest.HostFacts;
import dev.basepoint.launcher.manifest.ManifestException;
import dev.basepoint.launcher.manifest.ManifestLoader;
import dev.basepoint.launcher.manifest.Problem;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Collectors;

/** Starts VMs from manifests. */
final class ColdStarts {
  /** Private memory of one process of ours, rounded up. */
  static final long PROCESS_BYTES = 48L << 20;

  private final Installation installation;
  private final VmRegistry registry;
  private final DaemonLog log;

  ColdStarts(Installation installation, VmRegistry registry, DaemonLog log) {
    this.installation = installation;
    this.registry = registry;
    this.log = log;
  }

  /**
   * Starts a VM and returns when its guest runs.
   *
   * @param manifest YAML or JSON with absolute paths
   * @param sandbox a level's key
   * @param startEpochMicros when the user's command began
   */
  DaemonVm start(String manifest, String sandbox, String tenant, long startEpochMicros)
      throws CommandException {
    Timeline timeline = Timeline.since(startEpochMicros);
    SandboxLevel level =
        SandboxLevel.byKey(sandbox)
            .orElseThrow(
                () ->
                    new CommandException(
                        ExitCode.USAGE,
                        "there is no such sandbox level; choose one of " + SandboxLevel.keys()));
    VmManifest vm = load(manifest);
    timeline.mark("launcher", "manifest-read");
    DaemonVm entry = registry.reserve(vm, tenant, "boot", memoryBytes(vm));
    boolean running = false;
    try {
      boot(entry, level, timeline);
      running = true;
      return entry;
    } catch (IOException e) {
      throw StartFailure.of(e);
    } finally {
      if (!running) {
        registry.cancel(entry);
      }
    }
  }

  /** What a VM and its processes may come to need. */
  static long memoryBytes(VmManifest vm) {
    return vm.memoryBytes() + (1 + vm.devices().size()) * PROCESS_BYTES;
  }

  private static VmManifest load(String manifest) throws CommandException {
    try {
      return new ManifestLoader(HostFacts.read())
          .load(manifest, "manifest", Path.of("/nonexistent"))
          .vm();
    } catch (ManifestException e) {
      throw new CommandException(
          ExitCode.INPUT_INVALID,
          e.problems().stream().map(Problem::toString).collect(Collectors.joining("\n")),
          e);
    }
  }

  private void boot(DaemonVm entry, SandboxLevel level, Timeline timeline) throws IOException {
    GuestConsole console = GuestConsole.create(true);
    try (GroupPlan plan =
        PlanOpener.open(entry.manifest(), console.guestInput(), console.guestOutput())) {
      timeline.mark("launcher", "opened");
      console.relayOutput(ConsoleOutput.of(entry));
      Vm vm = new Vm(entry.manifest(), installation, level, console, timeline, entry.listener(log));
      registry.run(entry, vm);
      vm.boot(plan);
      registry.adopt(entry, vm);
    } catch (IOException e) {
      console.close();
      throw e;
    }
  }
}
