package dev.basepoint.launcher.fork;

import dev.basepoint.ipc.disk.Overlay;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.launcher.basepoint.FrozenDisk;
import dev.basepoint.launcher.basepoint.OpenTemplate;
import dev.basepoint.launcher.basepoint.Template;
import dev.basepoint.launcher.basepoint.TemplateMemory;
import dev.basepoint.launcher.group.DevicePlan;
import dev.basepoint.launcher.group.Identities;
import dev.basepoint.launcher.group.PlanOpener;
import dev.basepoint.launcher.manifest.BlkSpec;
import dev.basepoint.launcher.manifest.DeviceSpec;
import dev.basepoint.launcher.manifest.MacAddress;
import dev.basepoint.launcher.manifest.NetBackend;
import dev.basepoint.launcher.manifest.NetSpec;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Everything that the clones of one template share, opened once: RAM and state in sealed memory,
 * the disks' base images and frozen overlays.
 */
final class CloneSource implements AutoCloseable {
  private static final int OWNER_READ_WRITE = 0600;

  private final OpenTemplate template;
  private final VmManifest manifest;
  private final TemplateMemory memory;
  private final Map<String, FrozenDisk> disks = new LinkedHashMap<>();
  private final Path overlayDirectory;

  /**
   * @param template owned from now on, as {@code memory} and {@code disks} are
   * @param overlayDirectory on the file system that takes what clones write to their disks
   */
  CloneSource(
      OpenTemplate template,
      VmManifest manifest,
      TemplateMemory memory,
      List<FrozenDisk> disks,
      Path overlayDirectory) {
    this.template = template;
    this.manifest = manifest;
    this.memory = memory;
    this.overlayDirectory = overlayDirectory;
    disks.forEach(disk -> this.disks.put(disk.device(), disk));
  }

  Template template() {
    return template.template();
  }

  /** Whether the template has neither been removed nor replaced. */
  boolean isCurrent() {
    return template.isCurrent();
  }

  VmManifest manifest() {
    return manifest;
  }

  TemplateMemory memory() {
    return memory;
  }

  /** Whether several VMs can have such a device at once. */
  static boolean isShareable(DeviceSpec device) {
    return !(device instanceof NetSpec net
        && (net.backend() instanceof NetBackend.Tap || net.backend() instanceof NetBackend.Stream));
  }

  /**
   * The template's manifest with network addresses that no other clone has. A snapshot's VM keeps
   * its own.
   */
  VmManifest manifestOfClone(String name) {
    if (template().kind() == Template.Kind.SNAPSHOT) {
      return manifest.withName(name);
    }
    List<DeviceSpec> devices = new ArrayList<>();
    for (DeviceSpec device : manifest.devices()) {
      devices.add(
          device instanceof NetSpec net
              ? net.withMac(MacAddress.ofRandom(Identities.randomBits()))
              : device);
    }
    return manifest.withName(name).withDevices(devices);
  }

  /**
   * Opens a device for one clone. A disk gets an overlay of its own, which lives in an unnamed file
   * and so ends with the clone, however that ends.
   */
  DevicePlan open(DeviceSpec spec) throws IOException {
    FrozenDisk disk = disks.get(spec.name());
    return spec instanceof BlkSpec blk && disk != null
        ? openDisk(blk, disk)
        : PlanOpener.openDevice(spec, Duration.ofMillis(manifest.timeouts().startMillis()));
  }

  /**
   * Opens what a device is to be in place of what the template has.
   *
   * @throws OverrideException if a disk had another size
   */
  DevicePlan openOverride(DeviceSpec spec) throws IOException {
    DevicePlan device =
        PlanOpener.openDevice(spec, Duration.ofMillis(manifest.timeouts().startMillis()));
    boolean fits = false;
    try {
      if (device instanceof DevicePlan.Blk blk) {
        OverrideException.requireSize(
            blk.name(), blk.image(), disks.get(blk.name()).virtualBytes());
      }
      fits = true;
      return device;
    } finally {
      if (!fits) {
        device.close();
      }
    }
  }

  private DevicePlan openDisk(BlkSpec blk, FrozenDisk disk) throws IOException {
    List<Fd> opened = new ArrayList<>();
    boolean complete = false;
    try {
      Fd base = disk.base().duplicate();
      opened.add(base);
      List<Fd> layers = new ArrayList<>();
      for (Fd frozen : disk.layers()) {
        Fd layer = frozen.duplicate();
        opened.add(layer);
        layers.add(layer);
      }
      if (!blk.readOnly()) {
        Fd own = createOverlay(disk.virtualBytes());
        opened.add(own);
        layers.add(own);
      }
      complete = true;
      return PlanOpener.disk(blk, base, layers);
    } finally {
      if (!complete) {
        opened.forEach(Fd::close);
      }
    }
  }

  private Fd createOverlay(long virtualBytes) throws IOException {
    Fd file =
        OpenFile.open(
            overlayDirectory.toString(), OpenFile.O_TMPFILE | OpenFile.O_RDWR, OWNER_READ_WRITE);
    boolean complete = false;
    try {
      Overlay.create(file, virtualBytes);
      complete = true;
      return file;
    } finally {
      if (!complete) {
        file.close();
      }
    }
  }

  @Override
  public void close() {
    memory.close();
    disks.values().forEach(FrozenDisk::close);
    template.close();
  }
}
