package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.control.SupervisionRequest.Kind;
import dev.basepoint.ipc.linux.Fd;
import java.util.List;

/** A device of a VM, with its back end opened. */
public sealed interface DevicePlan {
  /** The device's name, unique in its VM. */
  String name();

  /** What it is. */
  Kind kind();

  /** The message that tells a device server to be this device. */
  SupervisionRequest.ConfigureDevice configure(Fd channel);

  /** Closes what was opened for the device. */
  void close();

  /**
   * A disk; see {@link SupervisionRequest.ConfigureBlk}.
   *
   * @param image the disk, or what lies below {@code layers}
   * @param layers overlays upon the image, bottom to top; empty for none
   */
  record Blk(
      String name,
      Fd image,
      List<Fd> layers,
      boolean readOnly,
      boolean direct,
      String serial,
      int queueCount,
      int queueSize,
      int blockSizeBytes,
      boolean discard)
      implements DevicePlan {
    public Blk {
      layers = List.copyOf(layers);
    }

    @Override
    public Kind kind() {
      return Kind.BLK;
    }

    @Override
    public SupervisionRequest.ConfigureDevice configure(Fd channel) {
      return new SupervisionRequest.ConfigureBlk(
          name,
          channel,
          image,
          layers,
          readOnly,
          direct,
          serial,
          queueCount,
          queueSize,
          blockSizeBytes,
          discard);
    }

    @Override
    public void close() {
      image.close();
      layers.forEach(Fd::close);
    }
  }

  /** A network card; see {@link SupervisionRequest.ConfigureNet}. */
  record Net(
      String name,
      Fd backendFd,
      SupervisionRequest.NetBackend backend,
      byte[] mac,
      int mtuBytes,
      int queueSize,
      boolean offloads,
      boolean linkUp)
      implements DevicePlan {
    @Override
    public Kind kind() {
      return Kind.NET;
    }

    @Override
    public SupervisionRequest.ConfigureDevice configure(Fd channel) {
      return new SupervisionRequest.ConfigureNet(
          name, channel, backendFd, backend, mac, mtuBytes, queueSize, offloads, linkUp);
    }

    @Override
    public void close() {
      if (backendFd != null) {
        backendFd.close();
      }
    }
  }

  /** An entropy source; see {@link SupervisionRequest.ConfigureRng}. */
  record Rng(String name, long rateBytesPerSecond, int requestBytesMax, int queueSize)
      implements DevicePlan {
    @Override
    public Kind kind() {
      return Kind.RNG;
    }

    @Override
    public SupervisionRequest.ConfigureDevice configure(Fd channel) {
      return new SupervisionRequest.ConfigureRng(
          name, channel, rateBytesPerSecond, requestBytesMax, queueSize);
    }

    @Override
    public void close() {}
  }
}
