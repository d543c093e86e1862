package dev.basepoint.vmm;

import dev.basepoint.ipc.control.CloneIdentity;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest.ConfigureMachine;
import dev.basepoint.ipc.control.SupervisionRequest.ConfigureVm;
import dev.basepoint.ipc.control.SupervisionRequest.PrepareClone;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.vmm.boot.PvhLoader;
import dev.basepoint.vmm.boot.acpi.AcpiDevice;
import dev.basepoint.vmm.kvm.KvmSystem;
import dev.basepoint.vmm.machine.GuestLayout;
import dev.basepoint.vmm.machine.GuestRam;
import dev.basepoint.vmm.machine.IdentityPage;
import dev.basepoint.vmm.machine.IoThread;
import dev.basepoint.vmm.machine.Vm;
import dev.basepoint.vmm.machine.VmListener;
import dev.basepoint.vmm.serial.ConsoleInput;
import dev.basepoint.vmm.serial.ConsoleOutput;
import dev.basepoint.vmm.serial.Uart16550;
import dev.basepoint.vmm.state.MachineState;
import dev.basepoint.vmm.state.StateFile;
import dev.basepoint.vmm.virtio.GuestDevice;
import dev.basepoint.vmm.virtio.MmioSlot;
import dev.basepoint.vmm.virtio.VirtioDevices;
import dev.basepoint.vmm.virtio.channel.Deadlines;
import dev.basepoint.vmm.virtio.mmio.MmioRegister;
import dev.basepoint.vmm.virtio.shadow.Flow;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/** One machine with its console, devices and I/O thread, from its configuration to its end. */
final class VmSession implements AutoCloseable {
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration FLUSH_TIMEOUT = Duration.ofSeconds(2);
  private static final Duration PAUSE_TIMEOUT = Duration.ofSeconds(2);

  /** For a device server to take over a saved device. */
  private static final Duration SERVE_TIMEOUT = Duration.ofSeconds(10);

  /** For requests in flight to end, before the machine is saved. */
  private static final Duration SETTLE_TIMEOUT = Duration.ofSeconds(20);

  private final Vm vm;
  private final VirtioDevices devices;
  private final IoThread ioThread;
  private final Consumer<SupervisionEvent> events;
  private ConsoleOutput consoleOutput;
  private ConsoleInput consoleInput;
  private Uart16550 uart;
  private IdentityPage identityPage;

  private VmSession(
      Vm vm, VirtioDevices devices, IoThread ioThread, Consumer<SupervisionEvent> events) {
    this.vm = vm;
    this.devices = devices;
    this.ioThread = ioThread;
    this.events = events;
  }

  /**
   * Makes a machine that boots when it is let {@link #run}.
   *
   * @param config whose descriptors the session owns from now on; if this throws, the caller does
   * @throws IOException naming what could not be made or loaded
   */
  static VmSession create(ConfigureVm config, VmListener listener) throws IOException {
    return assemble(
        config,
        listener,
        () -> GuestRam.zeroed(config.name(), config.memoryBytes()),
        session -> {
          session.load(config);
          session.milestone("kernelLoaded");
          session.attachDevices();
        });
  }

  /**
   * Makes a machine that goes on where another was saved when it is let {@link #runAs}: up to the
   * guest's next instruction everything is done.
   *
   * @param config whose descriptors the session owns from now on; if this throws, the caller does
   * @throws IOException naming what could not be made, or what is wrong with the saved machine
   */
  static VmSession prepare(PrepareClone config, VmListener listener) throws IOException {
    try (Fd templateRam = config.templateRam();
        Fd templateState = config.templateState()) {
      MachineState saved = StateFile.read(templateState);
      return assemble(
          config,
          listener,
          () -> {
            GuestRam ram = GuestRam.reserved(config.memoryBytes());
            try {
              ram.mapCopyOf(templateRam);
              return ram;
            } catch (IOException | RuntimeException e) {
              ram.close();
              throw e;
            }
          },
          session -> session.restore(saved));
    }
  }

  private interface RamSource {
    GuestRam make() throws IOException;
  }

  private interface Step {
    void run(VmSession session) throws IOException;
  }

  private static VmSession assemble(
      ConfigureMachine config, VmListener listener, RamSource ramSource, Step fill)
      throws IOException {
    Deadlines deadlines =
        Deadlines.DEFAULT.withReplacement(Duration.ofMillis(config.replacementMillis()));
    // First, so that the device servers answer while the machine is being made.
    VirtioDevices devices = VirtioDevices.connect(config.devices(), deadlines, listener::onEvent);
    VmSession session;
    try {
      session =
          new VmSession(
              createVm(config, ramSource, listener),
              devices,
              ioThread(listener),
              listener::onEvent);
    } catch (IOException | RuntimeException e) {
      devices.close();
      throw e;
    }
    try {
      session.milestone("vmCreated");
      session.addConsole(config);
      session.identityPage = IdentityPage.addTo(session.vm);
      if (config.pauseAtReady()) {
        session.vm.pauseAtReady(() -> devices.setFlow(Flow.SETTLING));
      }
      session.ioThread.start();
      fill.run(session);
      return session;
    } catch (IOException | RuntimeException e) {
      session.close();
      throw e;
    }
  }

  private static Vm createVm(ConfigureMachine config, RamSource ramSource, VmListener listener)
      throws IOException {
    try (KvmSystem kvm = new KvmSystem(config.kvm())) {
      return Vm.create(kvm, ramSource.make(), config.vcpus(), listener);
    }
  }

  private static IoThread ioThread(VmListener listener) throws IOException {
    return new IoThread(
        failure -> listener.onEnd(StopReason.ERROR, "I/O thread failed: " + failure));
  }

  private void milestone(String name) {
    events.accept(new SupervisionEvent.Milestone(name, System.nanoTime()));
  }

  private void addConsole(ConfigureMachine config) throws IOException {
    consoleOutput = new ConsoleOutput(config.consoleOutput(), ioThread.loop());
    uart =
        new Uart16550(
            consoleOutput,
            vm.interruptLine(GuestLayout.COM1_GSI),
            () -> milestone("firstSerialByte"));
    vm.addPortDevice(GuestLayout.COM1_PORT, Uart16550.PORTS, uart);
    if (config.consoleInput() != null) {
      consoleInput = new ConsoleInput(config.consoleInput(), uart, ioThread.loop());
    }
  }

  private void attachDevices() throws IOException {
    devices.attach(vm, ioThread.loop());
    milestone("devicesAttached");
  }

  /** The machine first: what devices tell the guest goes through its interrupt controllers. */
  private void restore(MachineState saved) throws IOException {
    vm.restoreFrom(saved);
    uart.restoreFrom(saved);
    milestone("stateRestored");
    devices.attach(vm, ioThread.loop());
    devices.restoreFrom(saved, System.nanoTime() + SERVE_TIMEOUT.toNanos());
    milestone("devicesAttached");
    vm.startPaused(PAUSE_TIMEOUT);
    milestone("armed");
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
    identityPage.write(config.identity());
  }

  Vm vm() {
    return vm;
  }

  /** Lets the guest boot; once. */
  void run() {
    vm.start();
  }

  /**
   * Lets a prepared clone go on, as somebody of its own; once.
   *
   * @throws IOException if a device server has failed meanwhile; the message names the device
   */
  void runAs(CloneIdentity identity) throws IOException {
    devices.awaitServed(System.nanoTime());
    identityPage.write(identity);
    identityPage.notifyGuest();
    resume();
  }

  /** Stops all vCPUs at an instruction boundary; device servers get no new requests. */
  void pause(Duration timeout) throws IOException {
    vm.pause(timeout);
    devices.setFlow(Flow.SETTLING);
  }

  void resume() {
    vm.resume();
    devices.setFlow(Flow.OPEN);
  }

  /**
   * Saves the paused machine, which stands still completely until it is resumed.
   *
   * @throws IOException naming what cannot be captured or written, and why
   */
  SupervisionReply.Saved save(Fd ramFile, Fd stateFile) throws IOException {
    MachineState state = new MachineState();
    devices.saveTo(state, System.nanoTime() + SETTLE_TIMEOUT.toNanos());
    vm.saveTo(state);
    uart.saveTo(state);
    long stateBytes = StateFile.write(stateFile, state);
    return new SupervisionReply.Saved(vm.ram().saveTo(ramFile), stateBytes);
  }

  /**
   * Gives a device another server.
   *
   * @param channel owned from now on
   * @param atOnce whether the machine waits to run, so that even a healthy server is replaced;
   *     otherwise it waits until the present one has failed
   */
  void replaceServer(String name, Fd channel, boolean atOnce) throws IOException {
    Optional<GuestDevice> device = devices.device(name);
    if (device.isEmpty()) {
      channel.close();
      throw new IOException("this machine has no device " + name);
    }
    if (atOnce) {
      device.get().swapServer(channel, System.nanoTime() + SERVE_TIMEOUT.toNanos());
    } else {
      device.get().replaceServer(channel);
    }
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
