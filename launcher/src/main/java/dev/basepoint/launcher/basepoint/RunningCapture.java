package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.launcher.basepoint.TemplateException.Reason;
import dev.basepoint.launcher.group.DiskFiles;
import dev.basepoint.launcher.group.Vm;
import dev.basepoint.launcher.group.VmStateException;
import dev.basepoint.launcher.manifest.BlkSpec;
import dev.basepoint.launcher.manifest.BlockSource;
import dev.basepoint.launcher.manifest.DeviceSpec;
import dev.basepoint.launcher.manifest.ReadyPoint;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Keeps a VM that runs as a snapshot or a template, and lets it go on. The VM stands while its RAM
 * and what it writes to are copied; images that it only reads are noted by path and checksum, after
 * it goes on.
 */
public final class RunningCapture {
  private static final Duration PAUSE_TIMEOUT = Duration.ofSeconds(10);

  /** A restored disk has one more. */
  private static final int LAYERS_MAX = SupervisionRequest.ConfigureBlk.LAYERS_MAX - 1;

  private final TemplateStore store;
  private final Template.Kind kind;

  /** For things of {@code kind} in {@code store}. */
  public RunningCapture(TemplateStore store, Template.Kind kind) {
    this.store = store;
    this.kind = kind;
  }

  /**
   * What was kept.
   *
   * @param ramBytes how much of the RAM is not zero
   * @param pausedMillis how long the VM stood
   */
  public record Captured(Template template, long ramBytes, long pausedMillis) {}

  /** A disk, copied or yet to be described. */
  private record Copied(BlkSpec spec, TemplateDisk.Base base, Fd reference, List<String> layers) {}

  /**
   * Keeps a VM. It is complete and durable when this returns; if this fails, nothing of it is left,
   * and the VM goes on.
   *
   * @param replace whether it may take the place of one of the same name and tenant
   * @throws TemplateException if the name is taken, the VM cannot be captured, or the disk is full
   * @throws VmStateException if the VM neither runs nor is paused
   */
  public Captured capture(Vm vm, String name, String tenant, boolean replace)
      throws IOException, VmStateException {
    VmManifest manifest = vm.manifest();
    try (TemplateDraft draft = store.begin(name, tenant, replace)) {
      draft.add(Template.MANIFEST, ManifestYaml.write(stored(manifest)));
      List<Copied> disks = new ArrayList<>();
      long pausedNanos = System.nanoTime();
      try (SavedMemory saved =
          vm.whilePaused(PAUSE_TIMEOUT, files -> save(vm, files, draft, disks))) {
        long pausedMillis = (System.nanoTime() - pausedNanos) / 1_000_000;
        draft.add(Template.STATE, saved.state());
        draft.add(Template.RAM, saved.ram());
        Template template = Descriptions.of(draft, kind, manifest, complete(disks, draft));
        draft.commit(template);
        return new Captured(template, saved.ramBytes(), pausedMillis);
      } finally {
        disks.stream().filter(disk -> disk.reference() != null).forEach(d -> d.reference().close());
      }
    }
  }

  /**
   * A template of a running VM is not what its manifest boots to, and so not made again by that.
   */
  private VmManifest stored(VmManifest manifest) {
    return kind == Template.Kind.TEMPLATE
        ? manifest.withBasepoint(manifest.basepoint().withReady(new ReadyPoint.Command()))
        : manifest;
  }

  private static SavedMemory save(
      Vm vm, Map<String, DiskFiles> files, TemplateDraft draft, List<Copied> disks)
      throws IOException {
    SavedMemory saved = SavedMemory.of(vm);
    boolean complete = false;
    try {
      for (DeviceSpec device : vm.manifest().devices()) {
        if (device instanceof BlkSpec blk) {
          disks.add(copy(blk, files.get(blk.name()), draft));
        }
      }
      complete = true;
      return saved;
    } finally {
      if (!complete) {
        saved.close();
      }
    }
  }

  private static Copied copy(BlkSpec disk, DiskFiles files, TemplateDraft draft)
      throws IOException {
    if (files.layers().size() > LAYERS_MAX) {
      throw new TemplateException(
          Reason.NOT_CAPTURABLE,
          "disk "
              + disk.name()
              + " consists of "
              + files.layers().size()
              + " overlays, at most "
              + LAYERS_MAX
              + " can be captured; copy its content into an image and start a VM with that");
    }
    List<String> layers = new ArrayList<>();
    for (Fd layer : files.layers()) {
      String file = DraftDisks.overlayFile(disk.name(), layers.size());
      draft.add(file, layer);
      layers.add(file);
    }
    boolean onlyRead = disk.readOnly() || !layers.isEmpty();
    if (onlyRead
        && disk.source() instanceof BlockSource.Image(Path path, var _)
        && isFile(files.image(), path)) {
      return new Copied(disk, null, files.image().duplicate(), layers);
    }
    String file = DraftDisks.baseFile(disk.name());
    // Opened anew, since an image that was opened with O_DIRECT wants aligned reads.
    try (Fd image = OpenFile.open("/proc/self/fd/" + files.image().number(), OpenFile.O_RDONLY)) {
      draft.add(file, image);
    }
    return new Copied(disk, new TemplateDisk.Own(file), null, layers);
  }

  /** Whether it is the file at {@code path} that is open: what is below a snapshot is a copy. */
  private static boolean isFile(Fd open, Path path) throws IOException {
    return Files.exists(path) && Files.isSameFile(path, Path.of("/proc/self/fd/" + open.number()));
  }

  private static List<TemplateDisk> complete(List<Copied> disks, TemplateDraft draft)
      throws IOException {
    List<TemplateDisk> complete = new ArrayList<>();
    for (Copied disk : disks) {
      TemplateDisk.Base base = disk.base();
      if (disk.reference() != null
          && disk.spec().source() instanceof BlockSource.Image(Path path, var _)) {
        base = BaseImage.describe(disk.spec().name(), path.toString(), disk.reference());
      }
      for (String layer : disk.layers()) {
        draft.freeze(layer);
      }
      complete.add(new TemplateDisk(disk.spec().name(), base, disk.layers()));
    }
    return complete;
  }
}
