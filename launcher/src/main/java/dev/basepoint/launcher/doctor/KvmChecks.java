package dev.basepoint.launcher.doctor;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Syscalls;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** Whether VMs can run at all: /dev/kvm, what kind of KVM it is and what it can do. */
final class KvmChecks {
  private static final String AREA = "kvm";
  private static final String DEVICE = "/dev/kvm";

  private final HostFiles files;

  KvmChecks(HostFiles files) {
    this.files = files;
  }

  List<Finding> inspect() {
    List<Finding> findings = new ArrayList<>();
    findings.add(kind());
    try (Fd kvm = OpenFile.open(files.path(DEVICE).toString(), OpenFile.O_RDWR)) {
      findings.add(Finding.ok(AREA, DEVICE, "can be opened").asRequired());
      findings.add(version(kvm));
      findings.add(vm(kvm));
      findings.addAll(capabilities(kvm));
    } catch (ErrnoException e) {
      findings.add(unopened(e).asRequired());
    }
    return findings;
  }

  /** The kind of KVM, from the processor's flags and the modules that are loaded. */
  Finding kind() {
    String feature = "kind of KVM";
    Set<String> flags =
        files
            .field("/proc/cpuinfo", "flags")
            .map(line -> Set.of(line.split(" +", -1)))
            .orElse(Set.of());
    String nested = flags.contains("hypervisor") ? ", nested" : "";
    if (files.exists("/sys/module/kvm_pvm")) {
      return Finding.degraded(
          AREA,
          feature,
          "PVM, software without VT-x or SVM" + nested,
          "VMs run, but guest kernel code is emulated: about 1.3 million instructions a second, and"
              + " ordinary Linux guests do not reach userland; use a host with VT-x or SVM for"
              + " them");
    }
    if (flags.contains("vmx") || flags.contains("svm")) {
      String name = flags.contains("vmx") ? "VT-x (vmx)" : "SVM (svm)";
      return Finding.ok(AREA, feature, "hardware, " + name + nested);
    }
    return Finding.missing(
        AREA,
        feature,
        "the processor shows neither VT-x nor SVM" + nested,
        nested.isEmpty()
            ? "enable virtualisation in the firmware"
            : "enable nested virtualisation for this VM on its host");
  }

  private static Finding unopened(ErrnoException e) {
    return switch (e.errno()) {
      case Errno.ENOENT ->
          Finding.missing(
              AREA,
              DEVICE,
              "does not exist",
              "no VM can run; load kvm_intel or kvm_amd with modprobe, or pass the device into this"
                  + " container");
      case Errno.EACCES, Errno.EPERM ->
          Finding.missing(
              AREA,
              DEVICE,
              "you may not open it",
              "no VM can run; join the group that owns it: usermod -aG kvm USER, then log in"
                  + " again");
      default ->
          Finding.missing(AREA, DEVICE, e.getMessage(), "no VM can run; see the kernel's log");
    };
  }

  private static Finding version(Fd kvm) {
    long version = Syscalls.ioctl(kvm.number(), KvmApi.KVM_GET_API_VERSION, 0);
    return version == KvmApi.KVM_API_VERSION
        ? Finding.ok(AREA, "API version", Long.toString(version)).asRequired()
        : Finding.missing(
                AREA,
                "API version",
                version < 0 ? Errno.describe((int) -version) : Long.toString(version),
                "no VM can run; version 12 is needed, which every kernel since 2.6.22 has")
            .asRequired();
  }

  private static Finding vm(Fd kvm) {
    long vm = Syscalls.ioctl(kvm.number(), KvmApi.KVM_CREATE_VM, 0);
    if (vm < 0) {
      return Finding.missing(
              AREA,
              "creating a VM",
              Errno.describe((int) -vm),
              "no VM can run; another hypervisor may hold the processor, or memory is short")
          .asRequired();
    }
    Fd.own((int) vm).close();
    long vcpus = extension(kvm, KvmApi.KVM_CAP_MAX_VCPUS);
    return Finding.ok(AREA, "creating a VM", "works, up to " + vcpus + " vCPUs").asRequired();
  }

  private static List<Finding> capabilities(Fd kvm) {
    List<Finding> findings = new ArrayList<>();
    List<String> present = new ArrayList<>();
    for (KvmApi.Capability capability : KvmApi.CAPABILITIES) {
      if (extension(kvm, capability.number()) > 0) {
        present.add(capability.name());
      } else {
        Finding lack =
            Finding.missing(AREA, capability.name(), "absent", "needed for " + capability.use());
        findings.add(capability.required() ? lack.asRequired() : lack);
      }
    }
    String names =
        present.stream().map(name -> name.replace("KVM_CAP_", "")).collect(Collectors.joining(" "));
    findings.addFirst(Finding.ok(AREA, "capabilities", names).asRequired());
    return findings;
  }

  private static long extension(Fd kvm, int capability) {
    return Syscalls.ioctl(kvm.number(), KvmApi.KVM_CHECK_EXTENSION, capability);
  }
}
