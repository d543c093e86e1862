package dev.basepoint.vmm.kvm;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** An open /dev/kvm (KVM API 4, system ioctls). */
public final class KvmSystem implements AutoCloseable {
  private static final int CREATE_ATTEMPTS_MAX = 16;

  /** Twice what a kernel of today lists. */
  private static final int MSRS_MAX = 1024;

  private final Fd fd;

  /**
   * Takes ownership of an open /dev/kvm and checks that it is one and has what a machine needs.
   *
   * @throws IOException naming what is missing; the descriptor is then closed
   */
  public KvmSystem(Fd fd) throws IOException {
    this.fd = fd;
    try {
      checkUsable();
    } catch (IOException e) {
      fd.close();
      throw e;
    }
  }

  private void checkUsable() throws IOException {
    long version = ErrnoException.check(ioctl(KvmApi.KVM_GET_API_VERSION, 0), "KVM version");
    if (version != KvmApi.KVM_API_VERSION) {
      throw new IOException("this kernel has KVM API version " + version + ", 12 is needed");
    }
    require(KvmApi.KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY");
    require(KvmApi.KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID");
    require(KvmApi.KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP");
    require(KvmApi.KVM_CAP_PIT2, "KVM_CAP_PIT2");
    require(KvmApi.KVM_CAP_IRQFD, "KVM_CAP_IRQFD");
    require(KvmApi.KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD");
    require(KvmApi.KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT");
  }

  private void require(int capability, String name) throws IOException {
    if (!has(capability)) {
      throw new IOException("this kernel's KVM lacks " + name + "; use Linux 5.10 or newer");
    }
  }

  private boolean has(int capability) {
    return ioctl(KvmApi.KVM_CHECK_EXTENSION, capability) > 0;
  }

  private long ioctl(long request, long argument) {
    return Syscalls.ioctl(fd.number(), request, argument);
  }

  /** The most vCPUs that a VM may have here. */
  public int vcpusMax() {
    return (int) Math.max(0, ioctl(KvmApi.KVM_CHECK_EXTENSION, KvmApi.KVM_CAP_MAX_VCPUS));
  }

  /** Whether the in-kernel local APIC has TSC-deadline timers; CPUID does not say it. */
  public boolean hasTscDeadlineTimer() {
    return has(KvmApi.KVM_CAP_TSC_DEADLINE_TIMER);
  }

  /** What the host's processor and KVM can offer a guest (KVM API 4.46). */
  public List<CpuidEntry> supportedCpuid() throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment table = KvmCpuid2.room(arena);
      ErrnoException.check(
          Syscalls.ioctl(fd.number(), KvmApi.KVM_GET_SUPPORTED_CPUID, table),
          "KVM_GET_SUPPORTED_CPUID");
      return KvmCpuid2.decode(table);
    }
  }

  /**
   * The model-specific registers that make up a vCPU's state here (KVM API 4.3).
   *
   * <pre>
   *   struct kvm_msr_list
   *   0       4
   *   +-------+-----------
   *   | nmsrs | indices...
   *   +-------+-----------
   * </pre>
   */
  public int[] msrIndices() throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment list = arena.allocate(Integer.BYTES * (1L + MSRS_MAX), 8);
      list.set(ValueLayout.JAVA_INT, 0, MSRS_MAX);
      ErrnoException.check(
          Syscalls.ioctl(fd.number(), KvmApi.KVM_GET_MSR_INDEX_LIST, list),
          "KVM_GET_MSR_INDEX_LIST");
      int count = Math.clamp(list.get(ValueLayout.JAVA_INT, 0), 0, MSRS_MAX);
      return list.asSlice(Integer.BYTES, (long) count * Integer.BYTES)
          .toArray(ValueLayout.JAVA_INT);
    }
  }

  /** Makes a VM without memory, interrupt controllers or vCPUs. */
  public KvmVm createVm() throws IOException {
    long mmapBytes = ErrnoException.check(ioctl(KvmApi.KVM_GET_VCPU_MMAP_SIZE, 0), "KVM mmap size");
    if (mmapBytes < KvmRun.BYTES_MIN) {
      throw new IOException("this kernel's struct kvm_run has only " + mmapBytes + " bytes");
    }
    long result = -Errno.EINTR;
    for (int i = 0; i < CREATE_ATTEMPTS_MAX && result == -Errno.EINTR; i++) {
      result = ioctl(KvmApi.KVM_CREATE_VM, 0);
    }
    Fd vm = Fd.own((int) ErrnoException.check(result, "KVM_CREATE_VM"));
    return new KvmVm(
        vm, mmapBytes, has(KvmApi.KVM_CAP_SET_TSS_ADDR), has(KvmApi.KVM_CAP_SET_IDENTITY_MAP_ADDR));
  }

  @Override
  public void close() {
    fd.close();
  }
}
