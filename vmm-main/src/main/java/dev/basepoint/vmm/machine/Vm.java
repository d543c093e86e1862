package dev.basepoint.vmm.machine;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Signals;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.vmm.kvm.CpuidEntry;
import dev.basepoint.vmm.kvm.CpuidTopology;
import dev.basepoint.vmm.kvm.KvmRegs;
import dev.basepoint.vmm.kvm.KvmSregs;
import dev.basepoint.vmm.kvm.KvmSystem;
import dev.basepoint.vmm.kvm.KvmVcpu;
import dev.basepoint.vmm.kvm.KvmVm;
import dev.basepoint.vmm.kvm.Msr;
import dev.basepoint.vmm.state.MachineState;
import dev.basepoint.vmm.state.SectionKind;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A machine: RAM, vCPUs, interrupt controllers, buses, power control and doorbell. Devices are
 * plugged in through {@link DeviceHost}, then it is given a boot state and runs once.
 */
public final class Vm implements DeviceHost, AutoCloseable {
  private static final long MISC_ENABLE_FAST_STRING = 1;

  /** MTRRs enabled, write-back by default: what firmware would have left behind. */
  private static final long MTRR_ENABLE_WRITE_BACK = 1 << 11 | 6;

  private static final long RFLAGS_RESERVED = 1 << 1;

  private final GuestRam ram;
  private final VmListener listener;
  private final KvmVm kvmVm;
  private final VcpuGroup vcpus = new VcpuGroup();
  private final PortBus ports = new PortBus();
  private final MmioBus mmio = new MmioBus();
  private final List<EventFd> interruptFds = new ArrayList<>();
  private final AtomicBoolean ended = new AtomicBoolean();
  private final Doorbell doorbell;
  private boolean started;
  private int[] msrIndices;

  private Vm(GuestRam ram, VmListener listener, KvmVm kvmVm) {
    this.ram = ram;
    this.listener = listener;
    this.kvmVm = kvmVm;
    doorbell = new Doorbell(listener);
  }

  /**
   * Makes a machine that does not run yet.
   *
   * @param ram owned by the machine from now on
   * @param vcpuCount 1 to 8
   */
  public static Vm create(KvmSystem kvm, GuestRam ram, int vcpuCount, VmListener listener)
      throws IOException {
    Signals.installKickHandler();
    Vm vm;
    try {
      vm = new Vm(ram, listener, kvm.createVm());
    } catch (IOException e) {
      ram.close();
      throw e;
    }
    try {
      vm.assemble(kvm, vcpuCount);
      return vm;
    } catch (IOException e) {
      vm.close();
      throw e;
    }
  }

  private void assemble(KvmSystem kvm, int vcpuCount) throws IOException {
    if (vcpuCount > kvm.vcpusMax()) {
      throw new IOException(
          vcpuCount + " vCPUs are configured, this host's KVM allows " + kvm.vcpusMax());
    }
    ram.register(kvmVm);
    msrIndices = kvm.msrIndices();
    kvmVm.createInterruptControllers();
    List<CpuidEntry> cpuid = kvm.supportedCpuid();
    boolean tscDeadlineTimer = kvm.hasTscDeadlineTimer();
    for (int index = 0; index < vcpuCount; index++) {
      KvmVcpu vcpu = kvmVm.createVcpu(index);
      vcpus.add(new VcpuThread(vcpu, this, vcpus, ports, mmio));
      vcpu.setCpuid(CpuidTopology.forVcpu(cpuid, index, vcpuCount, tscDeadlineTimer));
      setFirmwareMsrs(vcpu);
    }
    ports.add(GuestLayout.DOORBELL_PORT, Doorbell.PORTS, doorbell);
    new PowerControl(this).addTo(ports);
  }

  /** A host that does not virtualise one of them keeps its own value, which is as good. */
  private static void setFirmwareMsrs(KvmVcpu vcpu) throws ErrnoException {
    vcpu.setMsrs(new Msr(Msr.MSR_MTRRdefType, MTRR_ENABLE_WRITE_BACK));
    vcpu.setMsrs(new Msr(Msr.MSR_IA32_MISC_ENABLE, MISC_ENABLE_FAST_STRING));
  }

  @Override
  public GuestMemory memory() {
    return ram.memory();
  }

  /** The machine's RAM. */
  public GuestRam ram() {
    return ram;
  }

  public int vcpuCount() {
    return vcpus.members().size();
  }

  /** Claims I/O ports; only before the machine runs. */
  public void addPortDevice(int firstPort, int portCount, PortDevice device) {
    ports.add(firstPort, portCount, device);
  }

  @Override
  public void addMmioDevice(long baseGpa, long sizeBytes, MmioDevice device) {
    ram.regions()
        .forEach(
            region -> {
              if (baseGpa < region.baseGpa() + region.sizeBytes()
                  && region.baseGpa() < baseGpa + sizeBytes) {
                throw new IllegalArgumentException(
                    "device at GPA 0x" + Long.toHexString(baseGpa) + " overlaps RAM");
              }
            });
    mmio.add(baseGpa, sizeBytes, device);
  }

  @Override
  public InterruptLine interruptLine(int gsi) throws ErrnoException {
    if (gsi < 0 || gsi >= GuestLayout.IOAPIC_PINS) {
      throw new IllegalArgumentException("GSI " + gsi);
    }
    EventFd eventFd = EventFd.create();
    interruptFds.add(eventFd);
    kvmVm.assignIrqfd(gsi, eventFd);
    return eventFd::signal;
  }

  @Override
  public void addIoeventfd(long gpa, int bytes, long datamatch, EventFd eventFd)
      throws ErrnoException {
    kvmVm.assignIoeventfd(gpa, bytes, datamatch, eventFd);
  }

  @Override
  public void removeIoeventfd(long gpa, int bytes, long datamatch, EventFd eventFd)
      throws ErrnoException {
    kvmVm.deassignIoeventfd(gpa, bytes, datamatch, eventFd);
  }

  /**
   * Puts the boot vCPU where a PVH kernel starts; the others wait for INIT and SIPI.
   *
   * @param startInfoGpa where hvm_start_info is, the kernel's ebx
   */
  public void setBootState(long entryGpa, long startInfoGpa) throws ErrnoException {
    KvmVcpu boot = vcpus.members().getFirst().vcpu();
    KvmSregs sregs = boot.sregs();
    sregs.setFlatProtectedMode();
    boot.setSregs(sregs);
    KvmRegs regs = new KvmRegs();
    regs.setRip(entryGpa);
    regs.setRbx(startInfoGpa);
    regs.setRflags(RFLAGS_RESERVED);
    boot.setRegs(regs);
  }

  /**
   * Saves everything of the machine itself but its RAM; the machine must be paused.
   *
   * @throws IOException if the host cannot give some of it away
   */
  public void saveTo(MachineState state) throws IOException {
    if (!kvmVm.hasPlainXsave()) {
      throw new IOException("the vCPUs' extended state is too large to be saved (AMX)");
    }
    for (VcpuThread member : vcpus.members()) {
      MachineStateCodec.put(state, member.index(), member.vcpu().state(msrIndices));
    }
    MachineStateCodec.put(state, kvmVm.chipState());
  }

  /**
   * Puts the machine, which has not run yet and whose RAM holds the saved one's, where the saved
   * one stood.
   *
   * @throws IOException if the state is damaged, of a machine with other vCPUs, or refused by KVM
   */
  public void restoreFrom(MachineState state) throws IOException {
    int count = vcpuCount();
    if (!state.has(SectionKind.VCPU, count - 1) || state.has(SectionKind.VCPU, count)) {
      throw new IOException("the saved machine does not have " + count + " vCPUs, as this one has");
    }
    kvmVm.setChipState(MachineStateCodec.chips(state));
    for (VcpuThread member : vcpus.members()) {
      member.vcpu().setState(MachineStateCodec.vcpu(state, member.index()));
    }
  }

  /**
   * Lets the machine pause by itself when the guest rings ready; before it runs.
   *
   * @param onPausing called on the thread of the vCPU that rang, while all are about to pause
   */
  public void pauseAtReady(Runnable onPausing) {
    doorbell.pauseAtReady(
        () -> {
          vcpus.requestPause();
          onPausing.run();
        });
  }

  /** Lets the guest run. Once only. */
  public void start() {
    if (started) {
      throw new IllegalStateException("the machine was started before");
    }
    started = true;
    vcpus.members().forEach(VcpuThread::start);
  }

  /**
   * Makes a machine that has not run yet as if it had been paused: everything but the guest's next
   * instruction is done, and {@link #resume} lets it go.
   */
  public void startPaused(Duration timeout) throws IOException {
    vcpus.requestPause();
    start();
    pause(timeout);
  }

  /** Stops all vCPUs at an instruction boundary. No effect on a machine that has ended. */
  public void pause(Duration timeout) throws IOException {
    vcpus.pause(System.nanoTime() + timeout.toNanos());
  }

  /** Lets a paused machine go on. */
  public void resume() {
    vcpus.resume();
  }

  void onVcpuEntering(int index) {
    if (index == 0) {
      listener.onEvent(new SupervisionEvent.Milestone("vcpuEntered", System.nanoTime()));
    }
  }

  /** Ends the guest for {@code reason}; only the first caller is heard. */
  void end(StopReason reason, String detail) {
    if (ended.compareAndSet(false, true)) {
      vcpus.requestStop();
      listener.onEnd(reason, detail);
    }
  }

  /**
   * Ends all vCPUs and waits for their threads. Idempotent.
   *
   * @throws IOException if one does not end; the machine's memory must then stay mapped
   */
  public void stop(Duration timeout) throws IOException {
    ended.set(true);
    vcpus.requestStop();
    if (started) {
      vcpus.join(System.nanoTime() + timeout.toNanos());
    }
  }

  /** Exits of all vCPUs by kind. */
  public Map<String, Long> exitCounters() {
    Map<String, Long> sums = new LinkedHashMap<>();
    for (int kind = 0; kind < ExitCounters.NAMES.size(); kind++) {
      long sum = 0;
      for (VcpuThread member : vcpus.members()) {
        sum += member.counters().get(kind);
      }
      sums.put(ExitCounters.NAMES.get(kind), sum);
    }
    return sums;
  }

  /** Frees everything; only after {@link #stop}, and after nobody uses the memory any more. */
  @Override
  public void close() {
    vcpus.members().forEach(member -> member.vcpu().close());
    kvmVm.close();
    interruptFds.forEach(EventFd::close);
    ram.close();
  }
}
