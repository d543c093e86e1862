package dev.basepoint.launcher.group;

import dev.basepoint.ipc.linux.Fd;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The files of a disk, kept to see afterwards what the guest has written.
 *
 * @param image the disk, or what lies below {@code layers}
 * @param layers overlays upon it, bottom to top
 */
public record DiskFiles(Fd image, List<Fd> layers) implements AutoCloseable {
  /** Descriptors of its own for the files of {@code disk}. */
  static DiskFiles of(DevicePlan.Blk disk) throws IOException {
    List<Fd> layers = new ArrayList<>();
    try {
      for (Fd layer : disk.layers()) {
        layers.add(layer.duplicate());
      }
      return new DiskFiles(disk.image().duplicate(), List.copyOf(layers));
    } catch (IOException e) {
      layers.forEach(Fd::close);
      throw e;
    }
  }

  @Override
  public void close() {
    image.close();
    layers.forEach(Fd::close);
  }
}
