package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import java.lang.foreign.MemorySegment;

/**
 * Memory that the front end keeps and the back end writes to, so that a new back end knows which
 * requests its killed predecessor had taken and not completed: one {@link InflightQueue} for each
 * queue, one after the other.
 */
final class InflightRegion implements AutoCloseable {
  /** Keeps queues from sharing a cache line. */
  private static final long ALIGNMENT = 64;

  private final Mapping mapping;
  private final int queueCount;
  private final int queueSize;

  private InflightRegion(Mapping mapping, int queueCount, int queueSize) {
    this.mapping = mapping;
    this.queueCount = queueCount;
    this.queueSize = queueSize;
  }

  /** The size of a region for {@code queueCount} queues. */
  static long sizeBytes(int queueCount, int queueSize) {
    return queueCount * queueBytes(queueSize);
  }

  private static long queueBytes(int queueSize) {
    return (InflightQueue.sizeBytes(queueSize) + ALIGNMENT - 1) & -ALIGNMENT;
  }

  /** Makes the memory, with nothing in flight; the caller owns the descriptor. */
  static Fd create(int queueCount, int queueSize) throws ErrnoException {
    long sizeBytes = sizeBytes(queueCount, queueSize);
    Fd memory = MemFd.create("inflight", sizeBytes);
    try {
      MemFd.seal(memory, MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW | MemFd.F_SEAL_SEAL);
      return memory;
    } catch (ErrnoException e) {
      memory.close();
      throw e;
    }
  }

  /**
   * Maps what the front end hands over; the descriptor stays the caller's.
   *
   * @throws RequestRefusedException if it is not what {@link #create} makes
   */
  static InflightRegion open(FrontEndRequest.SetInflightFd request, int queueCountMax)
      throws RequestRefusedException {
    if (request.queueCount() < 1
        || request.queueCount() > queueCountMax
        || !RingAddresses.isQueueSize(request.queueSize())) {
      throw new RequestRefusedException(
          "in-flight memory of %d queues of %d entries"
              .formatted(request.queueCount(), request.queueSize()));
    }
    long sizeBytes = sizeBytes(request.queueCount(), request.queueSize());
    try {
      // Shrinking would be the one way to hurt; whoever keeps the region got it from us, sealed.
      MemFd.requireSeals(request.memory(), MemFd.F_SEAL_SHRINK);
      if (request.mmapOffset() != 0
          || request.sizeBytes() != sizeBytes
          || MemFd.sizeBytes(request.memory()) < sizeBytes) {
        throw new RequestRefusedException("in-flight memory of another size or place");
      }
      return new InflightRegion(
          Mapping.shared(request.memory(), 0, sizeBytes, true),
          request.queueCount(),
          request.queueSize());
    } catch (ErrnoException e) {
      throw new RequestRefusedException("in-flight memory: " + e.getMessage());
    }
  }

  /** The part of a queue, or null if the region has none for it. */
  InflightQueue queue(int index, int size) {
    if (index >= queueCount || size > queueSize) {
      return null;
    }
    MemorySegment part =
        mapping.segment().asSlice(index * queueBytes(queueSize), queueBytes(queueSize));
    return new InflightQueue(part, size);
  }

  @Override
  public void close() {
    mapping.close();
  }
}
