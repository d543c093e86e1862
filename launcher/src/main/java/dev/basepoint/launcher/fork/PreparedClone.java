package dev.basepoint.launcher.fork;

import dev.basepoint.ipc.control.CloneIdentity;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.launcher.group.Attachments;
import dev.basepoint.launcher.group.DevicePlan;
import dev.basepoint.launcher.group.GroupMember;
import dev.basepoint.launcher.group.GuestConsole;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.PlanOpener;
import dev.basepoint.launcher.group.ProcessGroup;
import dev.basepoint.launcher.group.ProcessMemory;
import dev.basepoint.launcher.group.Role;
import dev.basepoint.launcher.group.SandboxLevel;
import dev.basepoint.launcher.group.Timeline;
import dev.basepoint.launcher.group.Vm;
import dev.basepoint.launcher.manifest.BlkSpec;
import dev.basepoint.launcher.manifest.BlockSource;
import dev.basepoint.launcher.manifest.DeviceSpec;
import dev.basepoint.launcher.manifest.NetSpec;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SequencedMap;

/**
 * A clone on its way: its processes run, rehearsed and jailed. Where the template's devices allow
 * it, nothing but the clone's identity is missing for the guest to go on; otherwise the devices
 * that only one VM can hold are opened when the request comes.
 *
 * <pre>
 *   assemble: processes          prepare: devices opened, RAM mapped, state in place, windows up
 *   run:      identity written, vCPUs let go
 * </pre>
 */
final class PreparedClone implements AutoCloseable {
  private final CloneSource source;
  private final int warmUpRounds;
  private final SwitchedListener listener;
  private final Timeline timeline;
  private final Vm vm;
  private final SequencedMap<String, DevicePlan> devices = new LinkedHashMap<>();
  private boolean prepared;

  private PreparedClone(
      CloneSource source, int warmUpRounds, SwitchedListener listener, Timeline timeline, Vm vm) {
    this.source = source;
    this.warmUpRounds = warmUpRounds;
    this.listener = listener;
    this.timeline = timeline;
    this.vm = vm;
  }

  /**
   * Brings a clone as far as it goes without a request.
   *
   * @param name a name for the time being
   * @param warmUpRounds see {@link GroupMember}
   */
  static PreparedClone assemble(
      CloneSource source,
      Installation installation,
      SandboxLevel sandbox,
      String name,
      int warmUpRounds)
      throws IOException {
    SwitchedListener listener = new SwitchedListener();
    Timeline timeline = Timeline.startingNow();
    Vm vm = newVm(source.manifestOfClone(name), installation, sandbox, timeline, listener);
    PreparedClone clone = new PreparedClone(source, warmUpRounds, listener, timeline, vm);
    boolean complete = false;
    try {
      clone.assemble();
      complete = true;
      return clone;
    } finally {
      if (!complete) {
        clone.close();
      }
    }
  }

  private static Vm newVm(
      VmManifest manifest,
      Installation installation,
      SandboxLevel sandbox,
      Timeline timeline,
      SwitchedListener listener)
      throws IOException {
    GuestConsole console = GuestConsole.create(true);
    boolean complete = false;
    try {
      Vm vm = new Vm(manifest, installation, sandbox, console, timeline, listener);
      complete = true;
      return vm;
    } finally {
      if (!complete) {
        console.close();
      }
    }
  }

  private void assemble() throws IOException {
    VmManifest manifest = vm.manifest();
    List<GroupMember> members = new ArrayList<>();
    members.add(
        GroupMember.vmm(manifest.name(), manifest.memoryBytes(), manifest.devices().size()));
    for (DeviceSpec spec : manifest.devices()) {
      if (CloneSource.isShareable(spec)) {
        DevicePlan device = source.open(spec);
        devices.put(spec.name(), device);
        members.add(GroupMember.server(device));
      } else {
        members.add(new GroupMember(spec.name(), Role.NET, Map.of(), 0));
      }
    }
    vm.group().spawn(members.stream().map(member -> member.rehearsed(warmUpRounds)).toList());
    vm.group().admit();
    vm.console().prepareOutput();
    if (devices.size() == manifest.devices().size()) {
      prepare();
    }
  }

  private void prepare() throws IOException {
    ProcessGroup group = vm.group();
    VmManifest manifest = vm.manifest();
    try (Attachments attachments = group.attach(List.copyOf(devices.values()));
        Fd kvm = PlanOpener.openKvm()) {
      group.callVmm(
          new SupervisionRequest.PrepareClone(
              manifest.name(),
              manifest.memoryBytes(),
              manifest.vcpus(),
              kvm,
              source.memory().ram(),
              source.memory().state(),
              vm.console().guestInput(),
              vm.console().guestOutput(),
              attachments.list(),
              false,
              0),
          group.startTimeout());
    }
    vm.console().releaseGuestEnds();
    prepared = true;
  }

  /** Whether all of its processes are as they were left. */
  boolean isIntact() {
    return vm.group().isIntact() && !vm.group().outcome().isDone();
  }

  /** The VM that it is about to be. */
  Vm vm() {
    return vm;
  }

  /** Private memory of all its processes. */
  long privateBytes() {
    return vm.group().children().stream()
        .mapToLong(child -> ProcessMemory.of(child.pid()).privateKib() * 1024)
        .sum();
  }

  /**
   * Lets the guest go on as the clone that {@code request} asks for. The clone is a VM then, and
   * this object has done its work.
   *
   * @param host takes the VM in, before it runs
   * @throws IOException if it cannot; the VM has ended then
   */
  ForkTimes run(ForkRequest request, CloneIdentity identity, ForkClock clock, CloneHost host)
      throws IOException {
    vm.become(described(request, identity.name()));
    timeline.restart(clock.requestedNanos());
    boolean changed = false;
    try {
      listener.switchTo(host.admit(vm));
      applyOverrides(request);
      changed = true;
    } finally {
      if (!changed) {
        close();
      }
    }
    clock.overridden();
    try {
      vm.start(
          List.copyOf(devices.values()),
          group -> {
            group.callVmm(new SupervisionRequest.RunClone(identity), group.startTimeout());
            clock.running();
          });
    } finally {
      devices.values().forEach(DevicePlan::close);
    }
    return clock.times();
  }

  private VmManifest described(ForkRequest request, String name) {
    List<DeviceSpec> specs = new ArrayList<>();
    for (DeviceSpec spec : vm.manifest().devices()) {
      specs.add(
          switch (spec) {
            case NetSpec net when request.netBackEnds().containsKey(net.name()) ->
                net.withBackend(request.netBackEnds().get(net.name()));
            case BlkSpec blk when request.disks().containsKey(blk.name()) ->
                blk.withSource(
                    new BlockSource.Image(request.disks().get(blk.name()), OptionalLong.empty()));
            default -> spec;
          });
    }
    return vm.manifest().withName(name).withDevices(specs);
  }

  /** Opens what the request changes, and what had to wait for it. */
  private void applyOverrides(ForkRequest request) throws IOException {
    for (DeviceSpec spec : vm.manifest().devices()) {
      boolean overridden =
          request.netBackEnds().containsKey(spec.name())
              || request.disks().containsKey(spec.name());
      DevicePlan before = devices.get(spec.name());
      if (before != null && !overridden) {
        continue;
      }
      DevicePlan device = overridden ? source.openOverride(spec) : source.open(spec);
      devices.put(spec.name(), device);
      if (before != null) {
        before.close();
      }
      if (prepared) {
        vm.group().replaceServer(device, warmUpRounds);
      }
    }
    if (!prepared) {
      prepare();
    }
  }

  /** Ends the clone, which nobody has asked for. */
  @Override
  public void close() {
    devices.values().forEach(DevicePlan::close);
    vm.close();
  }
}
