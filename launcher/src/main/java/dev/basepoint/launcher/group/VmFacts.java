package dev.basepoint.launcher.group;

import dev.basepoint.launcher.cli.RunResult;
import java.util.List;

/**
 * What a VM and its processes are up to.
 *
 * @param devices one entry per device, in the manifest's order
 * @param processes one entry per process, the launcher first
 */
public record VmFacts(List<RunResult.DeviceFacts> devices, List<RunResult.ProcessFacts> processes) {
  public VmFacts {
    devices = List.copyOf(devices);
    processes = List.copyOf(processes);
  }
}
