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
    return duplicate(disk.image(), disk.layers());
  }

  /** Further descriptors for the same files. */
  DiskFiles duplicate() throws IOException {
    return duplicate(image, layers);
  }

  private static DiskFiles duplicate(Fd image, List<Fd> layers) throws IOException {
    List<Fd> own = new ArrayList<>();
    try {
      for (Fd layer : layers) {
        own.add(layer.duplicate());
      }
      return new DiskFiles(image.duplicate(), List.copyOf(own));
    } catch (IOException e) {
      own.forEach(Fd::close);
      throw e;
    }
  }

  @Override
  public void close() {
    image.close();
    layers.forEach(Fd::close);
  }
}
