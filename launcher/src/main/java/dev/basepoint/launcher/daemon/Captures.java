package dev.basepoint.launcher.daemon;

import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.basepoint.RunningCapture;
import dev.basepoint.launcher.basepoint.Template;
import dev.basepoint.launcher.basepoint.TemplateFailure;
import dev.basepoint.launcher.basepoint.TemplateStore;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import dev.basepoint.launcher.group.Vm;
import dev.basepoint.launcher.group.VmStateException;
import java.io.IOException;
import java.util.SequencedMap;

/** Keeps running VMs, as snapshots or templates. */
final class Captures {
  private final VmRegistry registry;
  private final TemplateStore templates;
  private final TemplateStore snapshots;

  Captures(VmRegistry registry, TemplateStore templates, TemplateStore snapshots) {
    this.registry = registry;
    this.templates = templates;
    this.snapshots = snapshots;
  }

  /** Keeps a VM, which goes on. */
  SequencedMap<String, Object> capture(ApiRequest.CaptureVm request, String tenant)
      throws CommandException {
    Vm vm = registry.running(request.vm());
    RunningCapture capture =
        request.asTemplate()
            ? new RunningCapture(templates, Template.Kind.TEMPLATE)
            : new RunningCapture(snapshots, Template.Kind.SNAPSHOT);
    try {
      RunningCapture.Captured captured =
          capture.capture(vm, request.name(), tenant, request.replace());
      Template template = captured.template();
      return Facts.of(
          "name", template.name(),
          "kind", template.kind().key(),
          "vm", request.vm(),
          "tenant", template.tenant(),
          "memory_bytes", template.memoryBytes(),
          "ram_bytes", captured.ramBytes(),
          "paused_ms", captured.pausedMillis());
    } catch (VmStateException e) {
      throw new CommandException(ExitCode.WRONG_STATE, e.getMessage(), e);
    } catch (IOException e) {
      throw TemplateFailure.of(e);
    }
  }
}
