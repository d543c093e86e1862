package dev.basepoint.vmm.kvm;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * A vCPU's descriptor (KVM API 4, vCPU ioctls). Only one thread may use it at a time, except for
 * {@link KvmRun#setImmediateExit}.
 */
public final class KvmVcpu implements AutoCloseable {
  private final int index;
  private final Fd fd;
  private final int fdNumber;
  private final Mapping mapping;
  private final KvmRun run;

  KvmVcpu(int index, Fd fd, long runBytes) throws ErrnoException {
    this.index = index;
    this.fd = fd;
    this.fdNumber = fd.number();
    this.mapping = Mapping.shared(fd, 0, runBytes, true);
    this.run = new KvmRun(mapping.segment());
  }

  /** The vCPU's index, which is also its APIC id. */
  public int index() {
    return index;
  }

  /** What the last exit was about. */
  public KvmRun exit() {
    return run;
  }

  /**
   * Completes the access of the last exit, if it was one, and runs the guest until its next exit
   * (KVM API 4.10).
   *
   * @return 0, or {@code -errno}: EINTR after a signal or an immediate exit, EAGAIN when a waiting
   *     vCPU was started
   */
  public long run() {
    return Syscalls.ioctl(fdNumber, KvmApi.KVM_RUN, 0);
  }

  /** Reads the general registers. */
  public KvmRegs regs() throws ErrnoException {
    KvmRegs regs = new KvmRegs();
    ErrnoException.check(
        Syscalls.ioctl(fdNumber, KvmApi.KVM_GET_REGS, regs.segment()), "KVM_GET_REGS");
    return regs;
  }

  public void setRegs(KvmRegs regs) throws ErrnoException {
    ErrnoException.check(
        Syscalls.ioctl(fdNumber, KvmApi.KVM_SET_REGS, regs.segment()), "KVM_SET_REGS");
  }

  /** Reads the special registers. */
  public KvmSregs sregs() throws ErrnoException {
    KvmSregs sregs = new KvmSregs();
    ErrnoException.check(
        Syscalls.ioctl(fdNumber, KvmApi.KVM_GET_SREGS, sregs.segment()), "KVM_GET_SREGS");
    return sregs;
  }

  public void setSregs(KvmSregs sregs) throws ErrnoException {
    ErrnoException.check(
        Syscalls.ioctl(fdNumber, KvmApi.KVM_SET_SREGS, sregs.segment()), "KVM_SET_SREGS");
  }

  /** Sets what the guest's CPUID instruction answers; before the first run. */
  public void setCpuid(List<CpuidEntry> entries) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      ErrnoException.check(
          Syscalls.ioctl(fdNumber, KvmApi.KVM_SET_CPUID2, KvmCpuid2.encode(arena, entries)),
          "KVM_SET_CPUID2");
    }
  }

  /**
   * Sets model-specific registers, in order, in one call.
   *
   * @return how many were set: KVM stops at the first that it refuses
   */
  public int setMsrs(Msr... msrs) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      return (int)
          ErrnoException.check(
              Syscalls.ioctl(fdNumber, KvmApi.KVM_SET_MSRS, KvmMsrs.encode(arena, msrs)),
              "KVM_SET_MSRS");
    }
  }

  /** Reads the whole state; the vCPU must stand still at an instruction boundary. */
  public VcpuState state(int[] msrIndices) throws IOException {
    return VcpuState.read(fdNumber, msrIndices);
  }

  /** Writes the whole state, after {@link #setCpuid} and before the first run. */
  public void setState(VcpuState state) throws IOException {
    state.write(fdNumber);
  }

  @Override
  public void close() {
    mapping.close();
    fd.close();
  }
}
