package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionRequest;
import java.io.IOException;

/**
 * Brings a VM to run from its kernel.
 *
 * @param pauseAtReady whether to stop it where it rings its ready doorbell
 */
record ColdBoot(GroupPlan plan, boolean pauseAtReady) implements Vm.Launch {
  @Override
  public void perform(ProcessGroup group) throws IOException {
    group.spawn(GroupMember.of(plan.name(), plan.memoryBytes(), plan.devices()));
    try (Attachments attachments = group.attach(plan.devices())) {
      group.callVmm(configure(attachments), group.startTimeout());
    }
    group.callVmm(new SupervisionRequest.RunVm(), group.startTimeout());
  }

  private SupervisionRequest.ConfigureVm configure(Attachments attachments) {
    return new SupervisionRequest.ConfigureVm(
        plan.name(),
        plan.memoryBytes(),
        plan.vcpus(),
        plan.commandLine(),
        plan.kvm(),
        plan.kernel(),
        plan.initrd(),
        plan.consoleInput(),
        plan.consoleOutput(),
        attachments.list(),
        Identities.ofBoot(plan.name()),
        pauseAtReady,
        0);
  }
}
