package dev.basepoint.vmm.bench;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Syscalls;
import dev.basepoint.vmm.kvm.KvmRegs;
import dev.basepoint.vmm.kvm.KvmRun;
import dev.basepoint.vmm.kvm.KvmSregs;
import dev.basepoint.vmm.kvm.KvmSystem;
import dev.basepoint.vmm.kvm.KvmVcpu;
import dev.basepoint.vmm.kvm.KvmVm;
import dev.basepoint.vmm.machine.GuestRam;
import dev.basepoint.vmm.machine.MmioDevice;
import dev.basepoint.vmm.machine.PortDevice;
import dev.basepoint.vmm.machine.Vm;
import dev.basepoint.vmm.machine.VmListener;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * What handling an exit in Java costs. The same guest leaves for the same reason twice: once into
 * the real machine's loop, buses and a device; once into a loop that does nothing but KVM_RUN
 * again, which is the cost that no VMM can avoid. Rounds of both alternate, so that the host's mood
 * hits both alike.
 *
 * <p>Prints one JSON object; nanoseconds are medians over batches.
 */
public final class ExitBench {
  private static final int ROUNDS = 5;
  private static final int BATCHES_PER_ROUND = 20;
  private static final int WARM_UP_BATCHES = 40;
  private static final long RAM_BYTES = 2 << 20;
  private static final int DOWNCALLS = 200_000;
  private static final long ROUND_TIMEOUT_SECONDS = 60;
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(10);

  private final KvmSystem kvm;

  private ExitBench(KvmSystem kvm) {
    this.kvm = kvm;
  }

  /** Takes no arguments; needs /dev/kvm. */
  public static void main(String[] args) throws IOException, InterruptedException {
    Fd dev = OpenFile.open("/dev/kvm", OpenFile.O_RDWR);
    try (KvmSystem kvm = new KvmSystem(dev)) {
      ExitBench bench = new ExitBench(kvm);
      List<String> results = new ArrayList<>();
      for (ExitKind kind : ExitKind.values()) {
        results.add(bench.measure(kind));
      }
      System.out.printf(
          Locale.ROOT,
          "{\"exits\":[%s],\"downcall_ns\":%d}%n",
          String.join(",", results),
          downcallNanos());
    }
  }

  /** A system call that does nothing, from Java: gettid(2). */
  private static long downcallNanos() {
    long started = 0;
    for (int i = -DOWNCALLS; i < DOWNCALLS; i++) {
      if (i == 0) {
        started = System.nanoTime();
      }
      Syscalls.gettid();
    }
    return (System.nanoTime() - started) / DOWNCALLS;
  }

  private String measure(ExitKind kind) throws IOException, InterruptedException {
    handled(kind, WARM_UP_BATCHES);
    minimal(kind, WARM_UP_BATCHES);
    double[] handled = {};
    double[] minimal = {};
    for (int round = 0; round < ROUNDS; round++) {
      handled = concatenate(handled, handled(kind, BATCHES_PER_ROUND));
      minimal = concatenate(minimal, minimal(kind, BATCHES_PER_ROUND));
    }
    double handledNanos = median(handled);
    double minimalNanos = median(minimal);
    return String.format(
        Locale.ROOT,
        "{\"kind\":\"%s\",\"handled_ns\":%.0f,\"minimal_ns\":%.0f,\"ratio\":%.3f,\"count\":%d}",
        kind.wireName(),
        handledNanos,
        minimalNanos,
        handledNanos / minimalNanos,
        handled.length * BatchClock.EXITS_PER_BATCH);
  }

  private static double[] concatenate(double[] first, double[] second) {
    double[] all = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, all, first.length, second.length);
    return all;
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  /** The real machine, with a device that only counts. */
  private double[] handled(ExitKind kind, int batches) throws IOException, InterruptedException {
    BatchClock clock = new BatchClock(batches);
    GuestRam ram = GuestRam.zeroed("bench", RAM_BYTES);
    try (Vm vm = Vm.create(kvm, ram, 1, new Silence())) {
      CountingDevice device = new CountingDevice(clock);
      vm.addPortDevice(ExitKind.PORT, 1, device);
      vm.addMmioDevice(ExitKind.MMIO_GPA, 4096, device);
      writeCode(ram, kind);
      vm.setBootState(ExitKind.CODE_GPA, 0);
      vm.start();
      if (!clock.await(ROUND_TIMEOUT_SECONDS)) {
        throw new IOException("the guest does not leave for " + kind.wireName());
      }
      vm.stop(STOP_TIMEOUT);
    }
    return clock.nanosPerExit();
  }

  /** Nothing but KVM_RUN. */
  private double[] minimal(ExitKind kind, int batches) throws IOException {
    BatchClock clock = new BatchClock(batches);
    try (GuestRam ram = GuestRam.zeroed("bench", RAM_BYTES);
        KvmVm vm = kvm.createVm()) {
      ram.register(vm);
      vm.createInterruptControllers();
      writeCode(ram, kind);
      try (KvmVcpu vcpu = vm.createVcpu(0)) {
        vcpu.setCpuid(kvm.supportedCpuid());
        KvmSregs sregs = vcpu.sregs();
        sregs.setFlatProtectedMode();
        vcpu.setSregs(sregs);
        KvmRegs regs = vcpu.regs();
        regs.setRip(ExitKind.CODE_GPA);
        vcpu.setRegs(regs);
        while (clock.tick()) {
          runOnce(vcpu);
        }
      }
    }
    return clock.nanosPerExit();
  }

  private static void runOnce(KvmVcpu vcpu) throws IOException {
    long result = vcpu.run();
    int reason = vcpu.exit().exitReason();
    boolean expected = reason == KvmRun.KVM_EXIT_IO || reason == KvmRun.KVM_EXIT_MMIO;
    if (result != 0 || !expected) {
      throw new IOException("KVM_RUN: " + result + ", " + vcpu.exit().describeFailure());
    }
  }

  private static void writeCode(GuestRam ram, ExitKind kind) {
    byte[] code = kind.code();
    ram.memory().copyTo(ExitKind.CODE_GPA, MemorySegment.ofArray(code), 0, code.length);
  }

  /** Counts accesses of any kind. */
  private record CountingDevice(BatchClock clock) implements PortDevice, MmioDevice {
    @Override
    public int read(int offset, int bytes) {
      clock.tick();
      return 0;
    }

    @Override
    public void write(int offset, int bytes, int value) {
      clock.tick();
    }

    @Override
    public long read(long offset, int bytes) {
      clock.tick();
      return 0;
    }

    @Override
    public void write(long offset, int bytes, long value) {
      clock.tick();
    }
  }

  /** The guest has nothing to say, except when it fails. */
  private static final class Silence implements VmListener {
    @Override
    public void onEvent(SupervisionEvent event) {}

    @Override
    public void onEnd(StopReason reason, String detail) {
      throw new IllegalStateException(reason + ": " + detail);
    }
  }
}
