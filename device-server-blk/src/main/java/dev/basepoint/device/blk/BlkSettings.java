package dev.basepoint.device.blk;

import java.io.IOException;

/**
 * What the launcher decides about a disk.
 *
 * @param name of the device, for messages
 * @param serial at most 20 ASCII characters
 * @param queueSize a power of two
 * @param blockSizeBytes the logical block size, a power of two
 * @param discard offer DISCARD and WRITE_ZEROES where the image can
 */
record BlkSettings(
    String name,
    String serial,
    int queueCount,
    int queueSize,
    int blockSizeBytes,
    boolean discard) {
  /** A request has a header, data and a status: fewer descriptors serve nobody. */
  private static final int QUEUE_SIZE_MIN = 4;

  /**
   * Checks what the disk itself limits.
   *
   * @throws IOException with one sentence that says what to change
   */
  void checkFor(long imageBytes) throws IOException {
    if (queueSize < QUEUE_SIZE_MIN) {
      throw new IOException(
          "disk "
              + name
              + " has a queue size of "
              + queueSize
              + "; it must be at least "
              + QUEUE_SIZE_MIN);
    }
    if (imageBytes < blockSizeBytes || imageBytes % blockSizeBytes != 0) {
      throw new IOException(
          "the image of disk "
              + name
              + " has "
              + imageBytes
              + " bytes, which is not a multiple of its block size of "
              + blockSizeBytes
              + " bytes; change one of them");
    }
    if (!serial.chars().allMatch(c -> c >= 0x20 && c < 0x7f)) {
      throw new IOException("the serial of disk " + name + " has other than ASCII characters");
    }
  }
}
