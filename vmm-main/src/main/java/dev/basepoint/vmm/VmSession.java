package dev.basepoint.vmm;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest.ConfigureVm;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.vmm.boot.PvhLoader;
import dev.basepoint.vmm.boot.acpi.AcpiDevice;
import dev.basepoint.vmm.kvm.KvmSystem;
import dev.basepoint.vmm.machine.GuestLayout;
import dev.basepoint.vmm.machine.GuestRam;
import dev.basepoint.vmm.machine.IoThread;
import dev.basepoint.vmm.machine.Vm;
import dev.basepoint.vmm.machine.VmListener;
import dev.basepoint.vmm.serial.ConsoleInput;
import dev.basepoint.vmm.serial.ConsoleOutput;
import dev.basepoint.vmm.serial.Uart16550;
import dev.basepoint.vmm.virtio.MmioSlot;
import dev.basepoint.vmm.virtio.VirtioDevices;
import dev.basepoint.vmm.virtio.channel.Deadlines;
import dev.basepoint.vmm.virtio.mmio.MmioRegister;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/** One machine with its console, devices and I/O thread, from its configuration to its end. */
final class VmSession implements AutoCloseable {
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration FLUSH_TIMEOUT = Duration.ofSeconds(2);

  private final Vm vm;
  private final VirtioDevices devices;
  private final IoThread ioThread;
  private final Consumer<SupervisionEvent> events;
  private ConsoleOutput consoleOutput;
  private ConsoleInput consoleInput;

  private VmSession(
      Vm vm, VirtioDevices devices, IoThread ioThread, Consumer<SupervisionEvent> events) {
    this.vm = vm;
    this.devices = devices;
    this.ioThread = ioThread;
    this.events = events;
  }

  /**
   * Makes a machine that is ready to run.
   *
   * @param config whose descriptors the session owns from now on; if this throws, the caller does
   * @throws IOException naming what could not be made or loaded
   */
  static VmSession create(ConfigureVm config, VmListener listener) throws IOException {
    // First, so that the device servers answer while the machine is being made.
    VirtioDevices devices =
        VirtioDevices.connect(config.devices(), Deadlines.DEFAULT, listener::onEvent);
    VmSession session;
    try {
      session =
          new VmSession(createVm(config, listener), devices, ioThread(listener), listener::onEvent);
    } catch (IOException | RuntimeException e) {
      devices.close();
      throw e;
    }
    try {
      session.milestone("vmCreated");
      session.addConsole(config);
      session.ioThread.start();
      session.load(config);
      session.milestone("kernelLoaded");
      devices.attach(session.vm, session.ioThread.loop());
      session.milestone("devicesAttached");
      return session;
    } catch (IOException | RuntimeException e) {
      session.close();
      throw e;
    }
  }

  private static Vm createVm(ConfigureVm config, VmListener listener) throws IOException {
    try (KvmSystem kvm = new KvmSystem(config.kvm())) {
      GuestRam ram = GuestRam.zeroed(config.name(), config.memoryBytes());
      return Vm.create(kvm, ram, config.vcpus(), listener);
    }
  }

  private static IoThread ioThread(VmListener listener) throws IOException {
    return new IoThread(
        failure -> listener.onEnd(StopReason.ERROR, "I/O thread failed: " + failure));
  }

  private void milestone(String name) {
    events.accept(new SupervisionEvent.Milestone(name, System.nanoTime()));
  }

  private void addConsole(ConfigureVm config) throws IOException {
    consoleOutput = new ConsoleOutput(config.consoleOutput(), ioThread.loop());
    Uart16550 uart =
        new Uart16550(
            consoleOutput,
            vm.interruptLine(GuestLayout.COM1_GSI),
            () -> milestone("firstSerialByte"));
    vm.addPortDevice(GuestLayout.COM1_PORT, Uart16550.PORTS, uart);
    if (config.consoleInput() != null) {
      consoleInput = new ConsoleInput(config.consoleInput(), uart, ioThread.loop());
    }
  }

  private void load(ConfigureVm config) throws IOException {
    String commandLine =
        String.join(" ", config.commandLine(), devices.kernelParameters(), "cpus=" + config.vcpus())
            .strip();
    List<AcpiDevice> acpi = new ArrayList<>();
    for (MmioSlot slot : devices.slots()) {
      acpi.add(new AcpiDevice(slot.baseGpa(), MmioRegister.RANGE_BYTES, slot.gsi()));
    }
    try (Fd kernel = config.kernel();
        Fd initrd = config.initrd()) {
      PvhLoader.Entry entry =
          new PvhLoader(vm.ram().regions(), vm.memory())
              .load(kernel, initrd, commandLine, new PvhLoader.Hardware(config.vcpus(), acpi));
      vm.setBootState(entry.entryGpa(), entry.startInfoGpa());
    }
  }

  Vm vm() {
    return vm;
  }

  /** Lets the guest run; once. */
  void run() {
    vm.start();
  }

  void pause(Duration timeout) throws IOException {
    vm.pause(timeout);
  }

  void resume() {
    vm.resume();
  }

  /**
   * Stops all vCPUs and waits until the console has everything that the guest wrote. Idempotent.
   *
   * @throws IOException if a vCPU does not stop; the process must then end without freeing memory
   */
  void stop() throws IOException {
    vm.stop(STOP_TIMEOUT);
    if (!flushConsole()) {
      events.accept(
          new SupervisionEvent.Warning(
              "the console's reader is too slow: the last of the guest's output is lost"));
    }
  }

  private boolean flushConsole() {
    long deadlineNanos = System.nanoTime() + FLUSH_TIMEOUT.toNanos();
    boolean[] flushed = new boolean[1];
    try {
      ioThread
          .loop()
          .submit(() -> flushed[0] = consoleOutput.flush(deadlineNanos))
          .get(FLUSH_TIMEOUT.toMillis() * 2, TimeUnit.MILLISECONDS);
      return flushed[0];
    } catch (ExecutionException | TimeoutException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** The group "vmm", then one group per device. */
  List<SupervisionReply.Group> counters() {
    Map<String, Long> values = new LinkedHashMap<>(vm.exitCounters());
    values.put("vcpus", (long) vm.vcpuCount());
    values.put("consoleBytes", consoleOutput.totalBytes());
    values.put("consoleBytesDiscarded", consoleOutput.discardedBytes());
    List<SupervisionReply.Group> groups = new ArrayList<>();
    groups.add(new SupervisionReply.Group("vmm", values));
    devices.devices().forEach(device -> groups.add(device.counters()));
    return groups;
  }

  /** Frees everything; only after {@link #stop}, or before {@link #run}. */
  @Override
  public void close() {
    devices.close();
    ioThread.stop();
    if (consoleInput != null) {
      consoleInput.close();
    }
    if (consoleOutput != null) {
      consoleOutput.close();
    }
    ioThread.close();
    vm.close();
  }
}
