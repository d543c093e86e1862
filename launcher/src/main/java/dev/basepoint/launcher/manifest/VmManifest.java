package dev.basepoint.launcher.manifest;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A complete, checked description of one VM; every default is filled in and every path is absolute.
 *
 * @param name the VM's name: lower-case letters, digits and inner dashes, at most 63 characters
 * @param memoryBytes guest RAM, a whole number of MiB
 * @param vcpus 1 to {@value #VCPUS_MAX}
 * @param kernel what boots
 * @param initrd handed to the guest as its first boot module
 * @param commandLine the kernel command line as the manifest has it; the VMM appends its devices
 * @param console where the guest's serial port goes
 * @param devices in the order of their slots on the virtio-mmio bus; names are unique
 * @param basepoint how it becomes a template
 * @param timeouts the deadlines of a run
 */
public record VmManifest(
    String name,
    long memoryBytes,
    int vcpus,
    KernelImage kernel,
    Optional<Path> initrd,
    String commandLine,
    ConsoleTarget console,
    List<DeviceSpec> devices,
    BasepointSpec basepoint,
    Timeouts timeouts) {
  /** Most virtual CPUs of one VM. */
  public static final int VCPUS_MAX = 8;

  /** Most devices of one VM: the virtio-mmio slots that have an interrupt line. */
  public static final int DEVICES_MAX = 16;

  public VmManifest {
    devices = List.copyOf(devices);
  }

  /** The same VM under another name. */
  public VmManifest withName(String otherName) {
    return new VmManifest(
        otherName,
        memoryBytes,
        vcpus,
        kernel,
        initrd,
        commandLine,
        console,
        devices,
        basepoint,
        timeouts);
  }

  /** The same VM with other devices. */
  public VmManifest withDevices(List<DeviceSpec> otherDevices) {
    return new VmManifest(
        name,
        memoryBytes,
        vcpus,
        kernel,
        initrd,
        commandLine,
        console,
        otherDevices,
        basepoint,
        timeouts);
  }

  /** The same VM that becomes a template in another way. */
  public VmManifest withBasepoint(BasepointSpec otherBasepoint) {
    return new VmManifest(
        name,
        memoryBytes,
        vcpus,
        kernel,
        initrd,
        commandLine,
        console,
        devices,
        otherBasepoint,
        timeouts);
  }
}
