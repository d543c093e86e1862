package dev.basepoint.vmm.machine;

import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.vmm.kvm.KvmRun;
import dev.basepoint.vmm.kvm.KvmVcpu;
import java.time.Duration;

/** Runs one vCPU: enters the guest, handles the exit, enters again. Allocates nothing per exit. */
final class VcpuThread {
  private static final long STACK_BYTES = 256 * 1024;

  private final KvmVcpu vcpu;
  private final KvmRun exit;
  private final Vm vm;
  private final VcpuGroup group;
  private final PortBus ports;
  private final MmioBus mmio;
  private final ExitCounters counters = new ExitCounters();
  private final Thread thread;

  /** Both guarded by the group's lock. */
  private boolean parked;

  private int tid;

  VcpuThread(KvmVcpu vcpu, Vm vm, VcpuGroup group, PortBus ports, MmioBus mmio) {
    this.vcpu = vcpu;
    this.exit = vcpu.exit();
    this.vm = vm;
    this.group = group;
    this.ports = ports;
    this.mmio = mmio;
    this.thread =
        Thread.ofPlatform()
            .name("vcpu-" + vcpu.index())
            .daemon()
            .stackSize(STACK_BYTES)
            .unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  boolean join(long timeoutMillis) throws InterruptedException {
    return !thread.isAlive() || thread.join(Duration.ofMillis(timeoutMillis));
  }

  int index() {
    return vcpu.index();
  }

  KvmVcpu vcpu() {
    return vcpu;
  }

  KvmRun exit() {
    return exit;
  }

  ExitCounters counters() {
    return counters;
  }

  boolean isParked() {
    return parked;
  }

  void setParked(boolean parked) {
    this.parked = parked;
  }

  int tid() {
    return tid;
  }

  void setTid(int tid) {
    this.tid = tid;
  }

  private void run() {
    group.entered(this);
    try {
      if (group.awaitTurn(this)) {
        vm.onVcpuEntering(vcpu.index());
        loop();
      }
    } catch (RuntimeException | Error e) {
      vm.end(StopReason.ERROR, "vCPU " + vcpu.index() + ": " + e);
    } finally {
      group.finished(this);
    }
  }

  private void loop() {
    while (true) {
      long result = vcpu.run();
      if (result == 0) {
        handleExit();
      } else if (result == -Errno.EINTR) {
        counters.count(ExitCounters.INTERRUPTED);
        if (!group.awaitTurn(this)) {
          return;
        }
      } else if (result != -Errno.EAGAIN) {
        fail("KVM_RUN: " + Errno.describe((int) -result));
        return;
      }
    }
  }

  /**
   * An exit that ends the guest goes back into the loop like any other: the group's wish to stop
   * turns the next KVM_RUN into EINTR.
   */
  private void handleExit() {
    switch (exit.exitReason()) {
      case KvmRun.KVM_EXIT_IO -> handlePortAccess();
      case KvmRun.KVM_EXIT_MMIO -> handleMmioAccess();
      case KvmRun.KVM_EXIT_INTR, KvmRun.KVM_EXIT_IRQ_WINDOW_OPEN ->
          counters.count(ExitCounters.INTERRUPTED);
      case KvmRun.KVM_EXIT_SHUTDOWN -> {
        counters.count(ExitCounters.OTHER);
        vm.end(StopReason.TRIPLE_FAULT, "triple fault on vCPU " + vcpu.index() + registers());
      }
      case KvmRun.KVM_EXIT_SYSTEM_EVENT -> handleSystemEvent();
      default -> fail(exit.describeFailure());
    }
  }

  private void handlePortAccess() {
    int port = exit.ioPort();
    int bytes = exit.ioBytes();
    int count = exit.ioCount();
    if (exit.ioIsOut()) {
      counters.count(ExitCounters.PORT_OUT);
      for (int i = 0; i < count; i++) {
        ports.write(port, bytes, exit.ioData(i));
      }
    } else {
      counters.count(ExitCounters.PORT_IN);
      for (int i = 0; i < count; i++) {
        exit.setIoData(i, ports.read(port, bytes));
      }
    }
  }

  private void handleMmioAccess() {
    long gpa = exit.mmioGpa();
    int bytes = exit.mmioBytes();
    boolean plain = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
    if (exit.mmioIsWrite()) {
      counters.count(ExitCounters.MMIO_WRITE);
      if (plain) {
        mmio.write(gpa, bytes, bytes == 8 ? exit.mmioData() : exit.mmioData() & mask(bytes));
      }
    } else {
      counters.count(ExitCounters.MMIO_READ);
      exit.setMmioData(plain ? mmio.read(gpa, bytes) : MmioBus.OPEN_BUS);
    }
  }

  private static long mask(int bytes) {
    return (1L << (bytes * Byte.SIZE)) - 1;
  }

  private void handleSystemEvent() {
    counters.count(ExitCounters.OTHER);
    switch (exit.systemEventType()) {
      case KvmRun.KVM_SYSTEM_EVENT_SHUTDOWN -> vm.end(StopReason.POWER_OFF, "KVM system event");
      case KvmRun.KVM_SYSTEM_EVENT_RESET -> vm.end(StopReason.RESET, "KVM system event");
      default -> fail("KVM system event " + exit.systemEventType());
    }
  }

  private void fail(String what) {
    counters.count(ExitCounters.OTHER);
    vm.end(StopReason.ERROR, "vCPU " + vcpu.index() + ": " + what + registers());
  }

  private String registers() {
    try {
      return "; " + vcpu.regs() + " " + vcpu.sregs();
    } catch (ErrnoException e) {
      return "; registers cannot be read: " + e.getMessage();
    }
  }
}
