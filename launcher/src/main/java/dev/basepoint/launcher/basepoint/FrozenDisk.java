package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileStatus;
import java.io.IOException;
import java.util.List;

/**
 * A template's disk, opened to be read by clones.
 *
 * @param device the disk's name
 * @param base what lies below everything that was written
 * @param layers frozen overlays upon it, bottom to top
 */
public record FrozenDisk(String device, Fd base, List<Fd> layers) implements AutoCloseable {
  public FrozenDisk {
    layers = List.copyOf(layers);
  }

  /** The size that the guest sees. */
  public long virtualBytes() throws IOException {
    return FileStatus.of(base).sizeBytes();
  }

  @Override
  public void close() {
    base.close();
    layers.forEach(Fd::close);
  }
}
