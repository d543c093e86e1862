package dev.basepoint.device.blk;

import dev.basepoint.device.blk.image.Image;
import dev.basepoint.device.blk.image.OverlayImage;
import dev.basepoint.device.blk.image.RawImage;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.server.DeviceHost;
import dev.basepoint.ipc.server.DeviceRole;
import dev.basepoint.ipc.server.DeviceServer;
import java.io.IOException;

/** The process of role "blk": a disk, virtio 1.2 section 5.2. */
public final class Main {
  static final DeviceRole<SupervisionRequest.ConfigureBlk> ROLE =
      new DeviceRole<>("blk", SupervisionRequest.ConfigureBlk.class, Main::create)
          .rehearsedBy(new BlkRehearsal());

  private Main() {}

  /** Started by the launcher, with the supervision channel as descriptor 3. */
  public static void main(String[] args) {
    DeviceServer.run(ROLE, args);
  }

  private static BlkDevice create(SupervisionRequest.ConfigureBlk configuration, DeviceHost host)
      throws IOException {
    boolean created = false;
    try {
      BlkDevice device = open(configuration, host);
      created = true;
      return device;
    } finally {
      if (!created) {
        configuration.image().close();
        configuration.layers().forEach(Fd::close);
      }
    }
  }

  private static BlkDevice open(SupervisionRequest.ConfigureBlk configuration, DeviceHost host)
      throws IOException {
    checkDirect(configuration.image(), configuration.direct());
    Image image =
        configuration.layers().isEmpty()
            ? RawImage.open(configuration.image(), configuration.readOnly())
            : OverlayImage.open(
                configuration.image(), configuration.layers(), configuration.readOnly());
    BlkSettings settings =
        new BlkSettings(
            configuration.name(),
            configuration.serial(),
            configuration.queueCount(),
            configuration.queueSize(),
            configuration.blockSizeBytes(),
            configuration.discard());
    return new BlkDevice(settings, image, host);
  }

  /** A launcher that says one thing and sends another has mixed up its disks. */
  private static void checkDirect(Fd image, boolean direct) throws IOException {
    if (direct != ((OpenFile.statusFlags(image) & OpenFile.O_DIRECT) != 0)) {
      throw new IOException(
          direct
              ? "the disk is to bypass the page cache, but its image was opened without O_DIRECT"
              : "the disk is to use the page cache, but its image was opened with O_DIRECT");
    }
  }
}
