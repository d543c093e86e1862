package dev.basepoint.launcher.group;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A process that a group is to have.
 *
 * @param name of the VM or the device it serves
 * @param given what its policy leaves to the VM
 * @param warmUpRounds how often it plays its work through before it answers; 0 for not at all
 * @param spinMicros how long a device server looks for work before it sleeps
 */
public record GroupMember(
    String name, Role role, Map<String, Long> given, int warmUpRounds, long spinMicros) {
  /** A round of a vmm-main is a whole VM, which takes long to take down; measured, one suffices. */
  private static final int VMM_ROUNDS_MAX = 1;

  public GroupMember {
    given = Map.copyOf(given);
  }

  /** A process that sleeps when there is nothing to do. */
  public GroupMember(String name, Role role, Map<String, Long> given, int warmUpRounds) {
    this(name, role, given, warmUpRounds, 0);
  }

  /** The vmm-main of a VM with {@code deviceCount} devices. */
  public static GroupMember vmm(String vm, long memoryBytes, int deviceCount) {
    return new GroupMember(vm, Role.VMM_MAIN, VmLimits.ofVmmMain(memoryBytes, deviceCount), 0);
  }

  /** The server of {@code device}. */
  public static GroupMember server(DevicePlan device) throws IOException {
    return new GroupMember(device.name(), Role.of(device.kind()), VmLimits.ofServer(device), 0);
  }

  /** The same process, rehearsed: slower to start, and fast from its first request on. */
  public GroupMember rehearsed(int rounds) {
    int own = role == Role.VMM_MAIN ? Math.min(rounds, VMM_ROUNDS_MAX) : rounds;
    return new GroupMember(name, role, given, own, spinMicros);
  }

  /** Whether it makes VMs before it has been told of any, and needs /dev/kvm for that. */
  boolean rehearsesVm() {
    return role == Role.VMM_MAIN && warmUpRounds > 0;
  }

  /** The server of {@code device} for vhost-user front ends; see {@link VmLimits}. */
  static GroupMember vhostUserServer(DevicePlan device, long guestBytes, long spinMicros)
      throws IOException {
    return new GroupMember(
        device.name(),
        Role.of(device.kind()),
        VmLimits.ofVhostUserServer(device, guestBytes),
        0,
        spinMicros);
  }

  /** All members of a VM's group, vmm-main first. */
  public static List<GroupMember> of(String vm, long memoryBytes, List<DevicePlan> devices)
      throws IOException {
    List<GroupMember> members = new ArrayList<>();
    members.add(vmm(vm, memoryBytes, devices.size()));
    for (DevicePlan device : devices) {
      members.add(server(device));
    }
    return members;
  }
}
