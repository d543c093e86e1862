package dev.basepoint.device.blk.image;

/**
 * What an image is and can do.
 *
 * @param sizeBytes a multiple of 512
 * @param discard whether ranges can be given back to the storage
 * @param storageBlockBytes the storage's own block size, a power of two from 512 on
 * @param readsWait whether reads wait for a disk
 * @param writesWait whether writes wait for a disk
 */
public record ImageTraits(
    long sizeBytes,
    boolean readOnly,
    boolean discard,
    int storageBlockBytes,
    Waiting readsWait,
    Waiting writesWait) {
  /** Whether an operation waits for a disk, which decides on what thread it runs. */
  public enum Waiting {
    /** It only copies memory. */
    NEVER,
    /** It mostly meets the page cache. */
    SELDOM,
    /** It always goes to the disk. */
    ALWAYS
  }
}
