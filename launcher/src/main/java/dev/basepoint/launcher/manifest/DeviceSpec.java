package dev.basepoint.launcher.manifest;

/** One virtio device, served by a process of its own. */
public sealed interface DeviceSpec permits BlkSpec, NetSpec, RngSpec {
  /** The device's name, unique in its VM. */
  String name();

  /** Entries per virtqueue, a power of two. */
  int queueSize();

  /** The device's {@code type} in the manifest: {@code blk}, {@code net} or {@code rng}. */
  default String type() {
    return switch (this) {
      case BlkSpec blk -> "blk";
      case NetSpec net -> "net";
      case RngSpec rng -> "rng";
    };
  }
}
