package dev.basepoint.launcher.doctor;

import java.util.List;

/** The part of linux/kvm.h that tells what a KVM can do, named as there. */
final class KvmApi {
  static final int KVM_API_VERSION = 12;

  /** _IO(KVMIO, 0x00), KVM API 4.1. */
  static final long KVM_GET_API_VERSION = 0xAE00;

  /** _IO(KVMIO, 0x01), KVM API 4.2. */
  static final long KVM_CREATE_VM = 0xAE01;

  /** _IO(KVMIO, 0x03), KVM API 4.4. */
  static final long KVM_CHECK_EXTENSION = 0xAE03;

  static final int KVM_CAP_MAX_VCPUS = 66;

  /**
   * A capability.
   *
   * @param use what needs it
   * @param required whether every VM needs it
   */
  record Capability(String name, int number, boolean required, String use) {}

  static final List<Capability> CAPABILITIES =
      List.of(
          new Capability("KVM_CAP_IRQCHIP", 0, true, "interrupt controllers"),
          new Capability("KVM_CAP_USER_MEMORY", 3, true, "guest memory"),
          new Capability("KVM_CAP_EXT_CPUID", 7, true, "processor features"),
          new Capability("KVM_CAP_IRQFD", 32, true, "device interrupts"),
          new Capability("KVM_CAP_PIT2", 33, true, "the guest's timer"),
          new Capability("KVM_CAP_IOEVENTFD", 36, true, "device kicks"),
          new Capability("KVM_CAP_IMMEDIATE_EXIT", 136, true, "stopping a CPU"),
          new Capability("KVM_CAP_TSC_DEADLINE_TIMER", 72, false, "precise guest timers"),
          new Capability("KVM_CAP_READONLY_MEM", 81, false, "firmware and templates"),
          new Capability("KVM_CAP_MP_STATE", 14, false, "snapshots of several CPUs"),
          new Capability("KVM_CAP_ADJUST_CLOCK", 39, false, "clocks of snapshots"),
          new Capability("KVM_CAP_VCPU_EVENTS", 41, false, "snapshots"),
          new Capability("KVM_CAP_XSAVE", 55, false, "snapshots"),
          new Capability("KVM_CAP_SPLIT_IRQCHIP", 121, false, "faster ends of VMs"));

  private KvmApi() {}
}
