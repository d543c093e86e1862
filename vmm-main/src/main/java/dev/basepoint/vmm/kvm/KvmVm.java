package dev.basepoint.vmm.kvm;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A VM's descriptor (KVM API 4, VM ioctls).
 *
 * <p>Order of set-up: memory regions first, since they are cheap only while the VM is empty; then
 * {@link #createInterruptControllers}, which must precede the vCPUs; then all vCPUs.
 */
public final class KvmVm implements AutoCloseable {
  /**
   * Three pages below 4 GiB that VT-x without unrestricted guests needs for real mode, and one for
   * its identity map; no RAM or device of ours lies there. SVM ignores them.
   */
  private static final long TSS_GPA = 0xfffb_d000L;

  private static final long IDENTITY_MAP_GPA = 0xfffb_c000L;

  private final Fd fd;
  private final long runBytes;
  private final boolean hasTssAddress;
  private final boolean hasIdentityMapAddress;

  KvmVm(Fd fd, long runBytes, boolean hasTssAddress, boolean hasIdentityMapAddress) {
    this.fd = fd;
    this.runBytes = runBytes;
    this.hasTssAddress = hasTssAddress;
    this.hasIdentityMapAddress = hasIdentityMapAddress;
  }

  /**
   * Shows {@code memory} to the guest at {@code baseGpa} (KVM API 4.35). The memory may be a
   * reservation that gets its content later; it must stay mapped as long as this VM is open.
   */
  public void setUserMemoryRegion(int slot, long baseGpa, MemorySegment memory)
      throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment region = arena.allocate(KvmUserspaceMemoryRegion.BYTES, 8);
      region.set(ValueLayout.JAVA_INT, KvmUserspaceMemoryRegion.SLOT, slot);
      region.set(ValueLayout.JAVA_LONG, KvmUserspaceMemoryRegion.GUEST_PHYS_ADDR, baseGpa);
      region.set(ValueLayout.JAVA_LONG, KvmUserspaceMemoryRegion.MEMORY_SIZE, memory.byteSize());
      region.set(ValueLayout.JAVA_LONG, KvmUserspaceMemoryRegion.USERSPACE_ADDR, memory.address());
      check(KvmApi.KVM_SET_USER_MEMORY_REGION, region, "KVM_SET_USER_MEMORY_REGION");
    }
  }

  /** Makes the local APICs, the IOAPIC, both PICs and the PIT, all inside the kernel. */
  public void createInterruptControllers() throws ErrnoException {
    if (hasTssAddress) {
      check(KvmApi.KVM_SET_TSS_ADDR, TSS_GPA, "KVM_SET_TSS_ADDR");
    }
    try (Arena arena = Arena.ofConfined()) {
      if (hasIdentityMapAddress) {
        MemorySegment address = arena.allocate(ValueLayout.JAVA_LONG);
        address.set(ValueLayout.JAVA_LONG, 0, IDENTITY_MAP_GPA);
        check(KvmApi.KVM_SET_IDENTITY_MAP_ADDR, address, "KVM_SET_IDENTITY_MAP_ADDR");
      }
      check(KvmApi.KVM_CREATE_IRQCHIP, 0, "KVM_CREATE_IRQCHIP");
      MemorySegment pit = arena.allocate(KvmPitConfig.BYTES, 8);
      pit.set(ValueLayout.JAVA_INT, KvmPitConfig.FLAGS, KvmPitConfig.KVM_PIT_SPEAKER_DUMMY);
      check(KvmApi.KVM_CREATE_PIT2, pit, "KVM_CREATE_PIT2");
    }
  }

  /** Makes a vCPU whose index is also its APIC id; 0 is the one that boots. */
  public KvmVcpu createVcpu(int index) throws ErrnoException {
    Fd vcpu = Fd.own((int) check(KvmApi.KVM_CREATE_VCPU, index, "KVM_CREATE_VCPU " + index));
    try {
      return new KvmVcpu(index, vcpu, runBytes);
    } catch (ErrnoException e) {
      vcpu.close();
      throw e;
    }
  }

  /** Lets a signal of {@code eventFd} be an edge on interrupt {@code gsi} (KVM API 4.75). */
  public void assignIrqfd(int gsi, EventFd eventFd) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment irqfd = arena.allocate(KvmIrqfd.BYTES, 8);
      irqfd.set(ValueLayout.JAVA_INT, KvmIrqfd.FD, eventFd.fd().number());
      irqfd.set(ValueLayout.JAVA_INT, KvmIrqfd.GSI, gsi);
      check(KvmApi.KVM_IRQFD, irqfd, "KVM_IRQFD for GSI " + gsi);
    }
  }

  /** Lets a store of {@code datamatch} at {@code gpa} signal {@code eventFd} (KVM API 4.59). */
  public void assignIoeventfd(long gpa, int bytes, long datamatch, EventFd eventFd)
      throws ErrnoException {
    ioeventfd(gpa, bytes, datamatch, eventFd, KvmIoeventfd.KVM_IOEVENTFD_FLAG_DATAMATCH);
  }

  /** Undoes {@link #assignIoeventfd}. */
  public void deassignIoeventfd(long gpa, int bytes, long datamatch, EventFd eventFd)
      throws ErrnoException {
    ioeventfd(
        gpa,
        bytes,
        datamatch,
        eventFd,
        KvmIoeventfd.KVM_IOEVENTFD_FLAG_DATAMATCH | KvmIoeventfd.KVM_IOEVENTFD_FLAG_DEASSIGN);
  }

  private void ioeventfd(long gpa, int bytes, long datamatch, EventFd eventFd, int flags)
      throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment argument = arena.allocate(KvmIoeventfd.BYTES, 8);
      argument.set(ValueLayout.JAVA_LONG, KvmIoeventfd.DATAMATCH, datamatch);
      argument.set(ValueLayout.JAVA_LONG, KvmIoeventfd.ADDR, gpa);
      argument.set(ValueLayout.JAVA_INT, KvmIoeventfd.LEN, bytes);
      argument.set(ValueLayout.JAVA_INT, KvmIoeventfd.FD, eventFd.fd().number());
      argument.set(ValueLayout.JAVA_INT, KvmIoeventfd.FLAGS, flags);
      check(KvmApi.KVM_IOEVENTFD, argument, "KVM_IOEVENTFD at GPA 0x" + Long.toHexString(gpa));
    }
  }

  /** Reads what all vCPUs share, while none of them runs. */
  public ChipState chipState() throws IOException {
    return ChipState.read(fd.number());
  }

  /** Writes what all vCPUs share, before any of them runs. */
  public void setChipState(ChipState state) throws IOException {
    state.write(fd.number());
  }

  /**
   * Whether a vCPU's extended state fits struct kvm_xsave. Processors with AMX can have more, but
   * only for a process that asked for it.
   */
  public boolean hasPlainXsave() {
    return Syscalls.ioctl(fd.number(), KvmApi.KVM_CHECK_EXTENSION, KvmApi.KVM_CAP_XSAVE2)
        <= StateGroup.XSAVE.bytes();
  }

  private long check(long request, long argument, String operation) throws ErrnoException {
    return ErrnoException.check(Syscalls.ioctl(fd.number(), request, argument), operation);
  }

  private void check(long request, MemorySegment argument, String operation) throws ErrnoException {
    ErrnoException.check(Syscalls.ioctl(fd.number(), request, argument), operation);
  }

  /** Ends the VM; the memory it showed to the guest may be unmapped afterwards. */
  @Override
  public void close() {
    fd.close();
  }
}
