package dev.basepoint.launcher.group;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A process's memory, from /proc/PID/smaps_rollup.
 *
 * @param privateKib pages that no other process maps
 * @param sharedKib pages that others map too, counted in full
 * @param proportionalKib private plus this process's share of the shared ones (PSS)
 */
public record ProcessMemory(long privateKib, long sharedKib, long proportionalKib) {
  /** Reads the memory of process {@code pid}; all zero if it has just ended. */
  public static ProcessMemory of(int pid) {
    long privateKib = 0;
    long sharedKib = 0;
    long proportionalKib = 0;
    try {
      for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/smaps_rollup"))) {
        if (line.startsWith("Private_")) {
          privateKib += kib(line);
        } else if (line.startsWith("Shared_")) {
          sharedKib += kib(line);
        } else if (line.startsWith("Pss:")) {
          proportionalKib = kib(line);
        }
      }
    } catch (IOException e) {
      return new ProcessMemory(0, 0, 0);
    }
    return new ProcessMemory(privateKib, sharedKib, proportionalKib);
  }

  private static long kib(String line) {
    // For example "Private_Dirty:      1234 kB".
    String value = line.substring(line.indexOf(':') + 1, line.lastIndexOf(' '));
    return Long.parseLong(value.strip());
  }
}
