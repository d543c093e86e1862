package dev.basepoint.ipc.vhostuser;

/**
 * A memory region in a message: four u64, in the order of {@link SharedRegion}.
 *
 * <pre>
 *   0          8          16             24            32 bytes
 *   +----------+----------+--------------+-------------+
 *   | base GPA | size     | user address | mmap offset |
 *   +----------+----------+--------------+-------------+
 * </pre>
 */
final class SharedRegionLayout {
  static final int BYTES = 4 * Long.BYTES;

  private SharedRegionLayout() {}
}
