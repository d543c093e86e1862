package dev.basepoint.launcher.group;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileStatus;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/** The limits that a policy leaves to the launcher, because they depend on the VM. */
final class VmLimits {
  /** Address space and memory of a JVM with a heap of at most 32 MiB, rounded up generously. */
  private static final long JVM_ADDRESS_BYTES = 4L << 30;

  private static final long JVM_MEMORY_BYTES = 256L << 20;

  /** Most bytes of a window: its queues' slots and rings. */
  private static final long WINDOW_BYTES_MAX = 320L << 20;

  /** Memory for requests in flight: 16 queues of 1024 entries. */
  private static final long INFLIGHT_BYTES_MAX = 1L << 20;

  private VmLimits() {}

  /** For the vmm-main of a VM. */
  static Map<String, Long> ofVmmMain(long memoryBytes, int deviceCount) {
    long windows = deviceCount * WINDOW_BYTES_MAX;
    return Map.of(
        "limit fsize",
        Math.max(memoryBytes, WINDOW_BYTES_MAX),
        "limit as",
        memoryBytes + windows + JVM_ADDRESS_BYTES,
        "cgroup memory.max",
        // Twice the RAM: what a VM saves of itself is charged to it until it has ended.
        2 * memoryBytes + windows + JVM_MEMORY_BYTES);
  }

  /** For the server of {@code device}. */
  static Map<String, Long> ofServer(DevicePlan device) throws IOException {
    return switch (device) {
      case DevicePlan.Blk blk -> Map.of("limit fsize", largestFileBytes(blk));
      case DevicePlan.Net _, DevicePlan.Rng _ -> Map.of();
    };
  }

  private static long largestFileBytes(DevicePlan.Blk disk) throws IOException {
    long largest = FileStatus.of(disk.image()).sizeBytes();
    for (Fd layer : disk.layers()) {
      largest = Math.max(largest, FileStatus.of(layer).sizeBytes());
    }
    return largest;
  }

  /**
   * For the server of {@code device} under a vhost-user front end.
   *
   * @param guestBytes most guest memory that the front end may share
   */
  static Map<String, Long> ofVhostUserServer(DevicePlan device, long guestBytes)
      throws IOException {
    Map<String, Long> limits = new HashMap<>();
    limits.put("limit as", JVM_ADDRESS_BYTES + guestBytes);
    limits.put("cgroup memory.max", JVM_MEMORY_BYTES + guestBytes);
    if (device instanceof DevicePlan.Blk blk) {
      limits.put("limit fsize", Math.max(largestFileBytes(blk), INFLIGHT_BYTES_MAX));
    }
    return limits;
  }
}
