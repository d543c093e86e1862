package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.disk.Overlay;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.launcher.basepoint.TemplateException.Reason;
import dev.basepoint.launcher.group.DevicePlan;
import dev.basepoint.launcher.group.DiskOpener;
import dev.basepoint.launcher.manifest.BlkSpec;
import dev.basepoint.launcher.manifest.BlockSource;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * The disks of a VM that becomes a template: what it writes goes to overlays in the template's
 * directory, and images are only read. They go through the page cache whatever the manifest says,
 * since clones share what they read there.
 */
final class DraftDisks implements DiskOpener {
  private final TemplateDraft draft;
  private final Consumer<String> step;
  private final Map<String, TemplateDisk> disks = new LinkedHashMap<>();

  DraftDisks(TemplateDraft draft, Consumer<String> step) {
    this.draft = draft;
    this.step = step;
  }

  @Override
  public DevicePlan.Blk open(BlkSpec disk) throws IOException {
    List<Fd> opened = new ArrayList<>();
    boolean complete = false;
    try {
      TemplateDisk.Base base = openBase(disk, opened);
      List<String> layers = new ArrayList<>();
      if (!disk.readOnly()) {
        String file = overlayFile(disk.name(), 0);
        Fd overlay = draft.create(file);
        opened.add(overlay);
        Overlay.create(overlay, OpenFile.endOffset(opened.getFirst()));
        layers.add(file);
      }
      disks.put(disk.name(), new TemplateDisk(disk.name(), base, layers));
      complete = true;
      return plan(disk, opened.getFirst(), opened.subList(1, opened.size()));
    } finally {
      if (!complete) {
        opened.forEach(Fd::close);
      }
    }
  }

  /** What tells a device server to be {@code disk}, made of these files. */
  static DevicePlan.Blk plan(BlkSpec disk, Fd image, List<Fd> layers) {
    return new DevicePlan.Blk(
        disk.name(),
        image,
        layers,
        disk.readOnly(),
        false,
        disk.serial(),
        disk.queues(),
        disk.queueSize(),
        disk.blockSizeBytes(),
        disk.discard());
  }

  private TemplateDisk.Base openBase(BlkSpec disk, List<Fd> opened) throws IOException {
    return switch (disk.source()) {
      case BlockSource.Image image -> {
        requireImage(disk.name(), image);
        String path = image.path().toString();
        Fd base = BaseImage.open(disk.name(), path);
        opened.add(base);
        step.accept("reading image " + path);
        yield BaseImage.describe(disk.name(), path, base);
      }
      case BlockSource.Scratch scratch -> {
        String file = baseFile(disk.name());
        try (Fd empty = draft.create(file)) {
          MemFd.resize(empty, scratch.sizeBytes());
        }
        draft.seal(file);
        opened.add(draft.open(file));
        yield new TemplateDisk.Own(file);
      }
    };
  }

  private static void requireImage(String device, BlockSource.Image image) throws IOException {
    if (!Files.exists(image.path())) {
      throw new TemplateException(
          Reason.NOT_CAPTURABLE,
          "disk "
              + device
              + ": the image "
              + image.path()
              + " does not exist, and a template's images are only read; make it, or use scratch");
    }
  }

  /** Completes the overlays; nobody writes to them any more. */
  List<TemplateDisk> freeze() throws IOException {
    for (TemplateDisk disk : disks.values()) {
      for (String layer : disk.layers()) {
        draft.freeze(layer);
      }
      if (disk.base() instanceof TemplateDisk.Reference reference) {
        try (Fd image = BaseImage.open(disk.device(), reference.path())) {
          BaseImage.requireUnchanged(disk.device(), reference, image);
        }
      }
    }
    return List.copyOf(disks.values());
  }

  static String overlayFile(String device, int layer) {
    return "disk-" + device + "." + layer + ".overlay";
  }

  static String baseFile(String device) {
    return "disk-" + device + ".base";
  }
}
