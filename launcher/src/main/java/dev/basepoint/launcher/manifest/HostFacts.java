package dev.basepoint.launcher.manifest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What the host has, as far as manifests are checked against it.
 *
 * @param cpus processors that this process may use
 * @param memoryBytes all RAM; {@link Long#MAX_VALUE} if unknown
 * @param availableBytes RAM that can be had without swapping; {@link Long#MAX_VALUE} if unknown
 */
public record HostFacts(int cpus, long memoryBytes, long availableBytes) {
  /** Reads the facts of this host. */
  public static HostFacts read() {
    return read(Path.of("/proc/meminfo"));
  }

  static HostFacts read(Path meminfo) {
    long total = Long.MAX_VALUE;
    long available = Long.MAX_VALUE;
    try {
      for (String line : Files.readAllLines(meminfo)) {
        if (line.startsWith("MemTotal:")) {
          total = kib(line);
        } else if (line.startsWith("MemAvailable:")) {
          available = kib(line);
        }
      }
    } catch (IOException e) {
      // Without /proc nothing is known, and nothing is refused for it.
    }
    return new HostFacts(Runtime.getRuntime().availableProcessors(), total, available);
  }

  private static long kib(String line) {
    return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
  }
}
