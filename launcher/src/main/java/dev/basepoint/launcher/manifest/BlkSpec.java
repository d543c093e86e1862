package dev.basepoint.launcher.manifest;

/**
 * A virtio-blk disk.
 *
 * @param name unique in its VM
 * @param source where its sectors are
 * @param readOnly the guest cannot write (VIRTIO_BLK_F_RO)
 * @param cache how writes reach the disk
 * @param serial what GET_ID answers: at most 20 printable ASCII characters
 * @param queues number of request queues
 * @param queueSize entries per queue, a power of two
 * @param blockSizeBytes logical block size: 512, 1024, 2048 or 4096
 * @param discard DISCARD and WRITE_ZEROES are offered
 */
public record BlkSpec(
    String name,
    BlockSource source,
    boolean readOnly,
    CacheMode cache,
    String serial,
    int queues,
    int queueSize,
    int blockSizeBytes,
    boolean discard)
    implements DeviceSpec {
  /** The same disk with other sectors. */
  public BlkSpec withSource(BlockSource otherSource) {
    return new BlkSpec(
        name, otherSource, readOnly, cache, serial, queues, queueSize, blockSizeBytes, discard);
  }
}
