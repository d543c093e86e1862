package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileLock;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.NetworkNamespace;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.TapDevice;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.launcher.manifest.BlkSpec;
import dev.basepoint.launcher.manifest.BlockSource;
import dev.basepoint.launcher.manifest.CacheMode;
import dev.basepoint.launcher.manifest.DeviceSpec;
import dev.basepoint.launcher.manifest.NetBackend;
import dev.basepoint.launcher.manifest.NetSpec;
import dev.basepoint.launcher.manifest.RngSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** Opens what devices are backed by, since no device server opens a path. */
public final class BackEnds {
  /** Where scratch disks live until the run ends; a file system on disk, not memory. */
  private static final String SCRATCH_DIRECTORY = "/var/tmp";

  private static final int OWNER_READ_WRITE = 0600;

  private final Duration peerTimeout;
  private final DiskOpener disks;

  /**
   * @param peerTimeout how long to wait for the peer of a listening stream socket
   * @param disks opens the disks
   */
  public BackEnds(Duration peerTimeout, DiskOpener disks) {
    this.peerTimeout = peerTimeout;
    this.disks = disks;
  }

  /**
   * Opens disks that are written in place.
   *
   * @param peerTimeout how long to wait for the peer of a listening stream socket
   */
  public BackEnds(Duration peerTimeout) {
    this(peerTimeout, BackEnds::openBlk);
  }

  /**
   * Opens what {@code spec} names.
   *
   * @throws IOException naming the device and what could not be opened
   */
  public DevicePlan open(DeviceSpec spec) throws IOException {
    return switch (spec) {
      case BlkSpec blk -> disks.open(blk);
      case NetSpec net -> openNet(net);
      case RngSpec rng ->
          new DevicePlan.Rng(
              rng.name(), rng.bytesPerSecond().orElse(0), rng.requestBytesMax(), rng.queueSize());
    };
  }

  /** Opens a disk that is written in place. */
  static DevicePlan.Blk openBlk(BlkSpec blk) throws IOException {
    boolean direct = blk.cache() == CacheMode.DIRECT;
    int flags =
        (blk.readOnly() ? OpenFile.O_RDONLY : OpenFile.O_RDWR) | (direct ? OpenFile.O_DIRECT : 0);
    Fd image =
        switch (blk.source()) {
          case BlockSource.Image file -> openImage(blk, file, flags);
          case BlockSource.Scratch scratch -> openScratch(scratch.sizeBytes(), flags);
        };
    return disk(blk, image, List.of());
  }

  /** A disk of {@code image} and the overlays upon it. */
  static DevicePlan.Blk disk(BlkSpec blk, Fd image, List<Fd> layers) {
    return new DevicePlan.Blk(
        blk.name(),
        image,
        layers,
        blk.readOnly(),
        blk.cache() == CacheMode.DIRECT,
        blk.serial(),
        blk.queues(),
        blk.queueSize(),
        blk.blockSizeBytes(),
        blk.discard());
  }

  private static Fd openImage(BlkSpec blk, BlockSource.Image file, int flags) throws IOException {
    Path path = file.path();
    if (file.createSizeBytes().isPresent() && !Files.exists(path)) {
      try (Fd created =
          OpenFile.open(
              path.toString(),
              OpenFile.O_RDWR | OpenFile.O_CREAT | OpenFile.O_EXCL,
              OWNER_READ_WRITE)) {
        MemFd.resize(created, file.createSizeBytes().getAsLong());
      }
    }
    Fd image = openExplained(blk.name(), path, flags);
    if (!FileLock.tryLock(image, !blk.readOnly())) {
      image.close();
      throw new IOException(
          "device " + blk.name() + ": image " + path + " is in use by another VM");
    }
    return image;
  }

  private static Fd openExplained(String device, Path path, int flags) throws IOException {
    try {
      return OpenFile.open(path.toString(), flags);
    } catch (ErrnoException e) {
      boolean directRefused = e.errno() == Errno.EINVAL && (flags & OpenFile.O_DIRECT) != 0;
      String advice =
          directRefused ? "; its file system has no O_DIRECT: use cache: writeback" : "";
      throw new IOException("device " + device + ": " + e.getMessage() + advice, e);
    }
  }

  private static Fd openScratch(long sizeBytes, int flags) throws IOException {
    Fd scratch =
        OpenFile.open(
            SCRATCH_DIRECTORY,
            OpenFile.O_TMPFILE | OpenFile.O_RDWR | (flags & OpenFile.O_DIRECT),
            OWNER_READ_WRITE);
    MemFd.resize(scratch, sizeBytes);
    return scratch;
  }

  private DevicePlan.Net openNet(NetSpec net) throws IOException {
    Fd fd = null;
    SupervisionRequest.NetBackend backend;
    switch (net.backend()) {
      case NetBackend.Tap tap -> {
        backend = SupervisionRequest.NetBackend.TAP;
        fd = openTap(net.name(), tap);
      }
      case NetBackend.Stream stream -> {
        backend = SupervisionRequest.NetBackend.STREAM;
        fd = openStream(net.name(), stream);
      }
      case NetBackend.Echo _ -> backend = SupervisionRequest.NetBackend.ECHO;
      case NetBackend.None _ -> backend = SupervisionRequest.NetBackend.NONE;
    }
    return new DevicePlan.Net(
        net.name(),
        fd,
        backend,
        net.mac().bytes(),
        net.mtuBytes(),
        net.queueSize(),
        net.offloads(),
        net.linkUp());
  }

  private static Fd openTap(String device, NetBackend.Tap tap) throws IOException {
    try {
      if (tap.netns().isEmpty()) {
        return TapDevice.open(tap.device());
      }
      String netns = tap.netns().get();
      String path = netns.startsWith("/") ? netns : "/run/netns/" + netns;
      return NetworkNamespace.call(path, () -> TapDevice.open(tap.device()));
    } catch (ErrnoException e) {
      throw new IOException("device " + device + ": " + e.getMessage(), e);
    }
  }

  private Fd openStream(String device, NetBackend.Stream stream) throws IOException {
    String path = stream.socket().toString();
    try {
      if (!stream.listen()) {
        return UnixSocket.connect(path);
      }
      try (Fd listener = UnixSocket.listen(path)) {
        Fd peer = UnixSocket.accept(listener, System.nanoTime() + peerTimeout.toNanos());
        if (peer == null) {
          throw new IOException(
              "device "
                  + device
                  + ": nobody connected to "
                  + path
                  + " within "
                  + peerTimeout.toSeconds()
                  + " s");
        }
        return peer;
      } finally {
        Files.deleteIfExists(stream.socket());
      }
    } catch (ErrnoException e) {
      throw new IOException(
          "device " + device + ": " + e.getMessage() + "; start its peer first", e);
    }
  }
}
