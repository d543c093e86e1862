package dev.basepoint.ipc.control;

import com.google.protobuf.ByteString;
import dev.basepoint.ipc.control.proto.ConfigureVm;
import dev.basepoint.ipc.control.proto.DeviceAttachment;
import dev.basepoint.ipc.control.proto.PrepareClone;
import dev.basepoint.ipc.control.proto.ReplaceServer;
import dev.basepoint.ipc.control.proto.RunClone;
import dev.basepoint.ipc.control.proto.SaveVm;
import dev.basepoint.ipc.linux.Fd;
import java.util.ArrayList;
import java.util.List;

/** Those messages of the supervision channel that only a vmm-main gets. */
final class VmMessages {
  private VmMessages() {}

  static ConfigureVm encode(SupervisionRequest.ConfigureVm vm, List<Fd> fds) {
    fds.add(vm.kvm());
    fds.add(vm.kernel());
    addIfPresent(fds, vm.initrd());
    addConsole(fds, vm);
    return ConfigureVm.newBuilder()
        .setName(vm.name())
        .setMemoryBytes(vm.memoryBytes())
        .setVcpus(vm.vcpus())
        .setCommandLine(vm.commandLine())
        .setHasInitrd(vm.initrd() != null)
        .setHasConsoleInput(vm.consoleInput() != null)
        .addAllDevices(encode(vm.devices(), fds))
        .setIdentity(encode(vm.identity()))
        .setPauseAtReady(vm.pauseAtReady())
        .setReplacementMillis(vm.replacementMillis())
        .build();
  }

  static SupervisionRequest.ConfigureVm decode(ConfigureVm vm, FdCursor fds)
      throws ProtocolException {
    return new SupervisionRequest.ConfigureVm(
        vm.getName(),
        vm.getMemoryBytes(),
        vm.getVcpus(),
        vm.getCommandLine(),
        fds.take("/dev/kvm"),
        fds.take("kernel"),
        vm.getHasInitrd() ? fds.take("initrd") : null,
        vm.getHasConsoleInput() ? fds.take("console input") : null,
        fds.take("console output"),
        decode(vm.getDevicesList(), fds),
        decode(vm.getIdentity()),
        vm.getPauseAtReady(),
        vm.getReplacementMillis());
  }

  static PrepareClone encode(SupervisionRequest.PrepareClone clone, List<Fd> fds) {
    fds.add(clone.kvm());
    fds.add(clone.templateRam());
    fds.add(clone.templateState());
    addConsole(fds, clone);
    return PrepareClone.newBuilder()
        .setName(clone.name())
        .setMemoryBytes(clone.memoryBytes())
        .setVcpus(clone.vcpus())
        .setHasConsoleInput(clone.consoleInput() != null)
        .addAllDevices(encode(clone.devices(), fds))
        .setPauseAtReady(clone.pauseAtReady())
        .setReplacementMillis(clone.replacementMillis())
        .build();
  }

  static SupervisionRequest.PrepareClone decode(PrepareClone clone, FdCursor fds)
      throws ProtocolException {
    return new SupervisionRequest.PrepareClone(
        clone.getName(),
        clone.getMemoryBytes(),
        clone.getVcpus(),
        fds.take("/dev/kvm"),
        fds.take("template's RAM"),
        fds.take("template's state"),
        clone.getHasConsoleInput() ? fds.take("console input") : null,
        fds.take("console output"),
        decode(clone.getDevicesList(), fds),
        clone.getPauseAtReady(),
        clone.getReplacementMillis());
  }

  static RunClone encode(SupervisionRequest.RunClone run) {
    return RunClone.newBuilder().setIdentity(encode(run.identity())).build();
  }

  static SupervisionRequest.RunClone decode(RunClone run) {
    return new SupervisionRequest.RunClone(decode(run.getIdentity()));
  }

  static SaveVm encode(SupervisionRequest.SaveVm save, List<Fd> fds) {
    fds.add(save.ram());
    fds.add(save.state());
    return SaveVm.getDefaultInstance();
  }

  static SupervisionRequest.SaveVm saveVm(FdCursor fds) throws ProtocolException {
    return new SupervisionRequest.SaveVm(fds.take("RAM"), fds.take("state"));
  }

  static ReplaceServer encode(SupervisionRequest.ReplaceServer replace, List<Fd> fds) {
    fds.add(replace.channel());
    return ReplaceServer.newBuilder().setDevice(replace.device()).build();
  }

  static SupervisionRequest.ReplaceServer decode(ReplaceServer replace, FdCursor fds)
      throws ProtocolException {
    return new SupervisionRequest.ReplaceServer(replace.getDevice(), fds.take("device channel"));
  }

  private static void addConsole(List<Fd> fds, SupervisionRequest.ConfigureMachine machine) {
    addIfPresent(fds, machine.consoleInput());
    fds.add(machine.consoleOutput());
  }

  private static void addIfPresent(List<Fd> fds, Fd fd) {
    if (fd != null) {
      fds.add(fd);
    }
  }

  private static List<DeviceAttachment> encode(
      List<SupervisionRequest.Attachment> devices, List<Fd> fds) {
    List<DeviceAttachment> messages = new ArrayList<>();
    for (SupervisionRequest.Attachment device : devices) {
      fds.add(device.channel());
      messages.add(
          DeviceAttachment.newBuilder()
              .setName(device.name())
              .setKind(device.kind().wireName())
              .build());
    }
    return messages;
  }

  private static List<SupervisionRequest.Attachment> decode(
      List<DeviceAttachment> messages, FdCursor fds) throws ProtocolException {
    List<SupervisionRequest.Attachment> devices = new ArrayList<>();
    for (DeviceAttachment device : messages) {
      devices.add(
          new SupervisionRequest.Attachment(
              device.getName(), kind(device.getKind()), fds.take("device channel")));
    }
    return devices;
  }

  private static SupervisionRequest.Kind kind(String wireName) throws ProtocolException {
    for (SupervisionRequest.Kind kind : SupervisionRequest.Kind.values()) {
      if (kind.wireName().equals(wireName)) {
        return kind;
      }
    }
    throw new ProtocolException("unknown device kind " + Decoding.text(wireName));
  }

  private static dev.basepoint.ipc.control.proto.CloneIdentity encode(CloneIdentity identity) {
    return dev.basepoint.ipc.control.proto.CloneIdentity.newBuilder()
        .setName(identity.name())
        .setGenerationId(ByteString.copyFrom(identity.generationId()))
        .setCloneNumber(identity.cloneNumber())
        .setMetadata(ByteString.copyFrom(identity.metadata()))
        .build();
  }

  private static CloneIdentity decode(dev.basepoint.ipc.control.proto.CloneIdentity identity) {
    return new CloneIdentity(
        identity.getName(),
        identity.getGenerationId().toByteArray(),
        identity.getCloneNumber(),
        identity.getMetadata().toByteArray());
  }
}
