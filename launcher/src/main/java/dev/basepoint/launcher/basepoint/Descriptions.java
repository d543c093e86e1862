package dev.basepoint.launcher.basepoint;

import dev.basepoint.launcher.cli.Version;
import dev.basepoint.launcher.manifest.BasepointSpec;
import dev.basepoint.launcher.manifest.BlkSpec;
import dev.basepoint.launcher.manifest.DeviceSpec;
import dev.basepoint.launcher.manifest.NetSpec;
import dev.basepoint.launcher.manifest.RngSpec;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.time.Instant;
import java.util.List;

/** Describes what a draft holds. */
final class Descriptions {
  private Descriptions() {}

  /** The description of a complete draft, made now and on this host. */
  static Template of(
      TemplateDraft draft, Template.Kind kind, VmManifest manifest, List<TemplateDisk> disks)
      throws IOException {
    BasepointSpec basepoint = manifest.basepoint();
    return new Template(
        kind,
        draft.name(),
        draft.tenant(),
        Instant.now(),
        Version.text(),
        manifest.memoryBytes(),
        manifest.vcpus(),
        CpuFingerprint.read(),
        manifest.devices().stream().map(Descriptions::device).toList(),
        disks,
        draft.contents(),
        kind == Template.Kind.TEMPLATE
            ? new TemplateLimits(basepoint.maxForks(), basepoint.maxAgeMillis())
            // What shares nothing with others tells nothing about them.
            : TemplateLimits.NONE);
  }

  private static TemplateDevice device(DeviceSpec device) {
    String identity =
        switch (device) {
          case BlkSpec blk -> blk.serial();
          case NetSpec net -> net.mac().toString();
          case RngSpec _ -> "";
        };
    return new TemplateDevice(device.name(), device.type(), identity);
  }
}
