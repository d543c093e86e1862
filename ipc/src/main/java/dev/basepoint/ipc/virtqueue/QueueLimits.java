package dev.basepoint.ipc.virtqueue;

/**
 * What one descriptor chain may ask of a device.
 *
 * @param maxDescriptors descriptors of a chain, those of its indirect table included
 * @param maxBytes readable and writable bytes of a chain together, at most 2^32 - 1
 */
public record QueueLimits(int maxDescriptors, long maxBytes) {
  /** The most bytes that a chain may have, since a used length has 32 bits. */
  public static final long MAX_CHAIN_BYTES = 0xffff_ffffL;

  /** Checks that both limits can be kept. */
  public QueueLimits {
    if (maxDescriptors < 1 || maxDescriptors > RingAddresses.MAX_QUEUE_SIZE) {
      throw new IllegalArgumentException("maxDescriptors " + maxDescriptors);
    }
    if (maxBytes < 1 || maxBytes > MAX_CHAIN_BYTES) {
      throw new IllegalArgumentException("maxBytes " + maxBytes);
    }
  }

  /** What the specification itself allows: as many descriptors as the queue has, §2.7.5.3.1. */
  public static QueueLimits ofSpecification(int queueSize) {
    return new QueueLimits(queueSize, MAX_CHAIN_BYTES);
  }
}
