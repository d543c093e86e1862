package dev.basepoint.launcher.group;

import dev.basepoint.ipc.linux.Fd;
import java.util.List;

/**
 * Everything a group needs, opened: its children open nothing themselves.
 *
 * @param initrd or null
 * @param consoleInput bytes for the guest's serial port, or null
 * @param consoleOutput takes the guest's serial output
 */
public record GroupPlan(
    String name,
    long memoryBytes,
    int vcpus,
    String commandLine,
    Fd kvm,
    Fd kernel,
    Fd initrd,
    Fd consoleInput,
    Fd consoleOutput,
    List<DevicePlan> devices)
    implements AutoCloseable {
  public GroupPlan {
    devices = List.copyOf(devices);
  }

  @Override
  public void close() {
    release();
  }

  /** Closes the launcher's copies of all descriptors, which the children have by now. */
  public void release() {
    kvm.close();
    kernel.close();
    if (initrd != null) {
      initrd.close();
    }
    if (consoleInput != null) {
      consoleInput.close();
    }
    consoleOutput.close();
    devices.forEach(DevicePlan::close);
  }
}
