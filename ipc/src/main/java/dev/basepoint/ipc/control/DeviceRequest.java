package dev.basepoint.ipc.control;

import dev.basepoint.ipc.linux.Fd;
import java.util.List;

/** What vmm-main asks of a device server. Order is enforced by {@link DeviceLifecycle}. */
public sealed interface DeviceRequest {
  /** Offers the protocol version and optional features; must come first, once. */
  record Hello(int version, long featureBits) implements DeviceRequest {}

  /** Asks what the device is. */
  record Describe() implements DeviceRequest {}

  /**
   * Hands over the window and the queues.
   *
   * @param features virtio feature bits that the driver acknowledged
   * @param windowBytes size of the window
   * @param window memfd, sealed against resizing
   * @param queues in ascending index order; a queue that the driver left alone is absent
   */
  record Activate(long features, long windowBytes, Fd window, List<QueueSetup> queues)
      implements DeviceRequest {
    /** Most queues a device may have. */
    public static final int QUEUES_MAX = 31;

    public Activate {
      queues = List.copyOf(queues);
      if (queues.isEmpty() || queues.size() > QUEUES_MAX) {
        throw new IllegalArgumentException(queues.size() + " queues");
      }
      int previous = -1;
      for (QueueSetup queue : queues) {
        if (queue.index() <= previous) {
          throw new IllegalArgumentException("queue " + queue.index() + " out of order");
        }
        previous = queue.index();
      }
      if (windowBytes <= 0) {
        throw new IllegalArgumentException("window of " + windowBytes + " bytes");
      }
    }
  }

  /**
   * One split virtqueue in the window (virtio 1.2 section 2.7). Offsets are in bytes from the
   * window's start.
   *
   * @param size descriptors, a power of two up to 32768
   * @param nextAvail avail index to serve next, 0 for a fresh ring
   * @param nextUsed used index to write next, 0 for a fresh ring
   * @param kick written by vmm-main when chains are available
   * @param call written by the device server when chains were used
   */
  record QueueSetup(
      int index,
      int size,
      long descOffset,
      long availOffset,
      long usedOffset,
      int nextAvail,
      int nextUsed,
      Fd kick,
      Fd call) {
    public QueueSetup {
      if (index < 0 || index >= Activate.QUEUES_MAX) {
        throw new IllegalArgumentException("queue index " + index);
      }
      if (size < 1 || size > 32768 || Integer.bitCount(size) != 1) {
        throw new IllegalArgumentException("queue size " + size);
      }
      if (nextAvail >>> 16 != 0 || nextUsed >>> 16 != 0) {
        throw new IllegalArgumentException("queue position " + nextAvail + "/" + nextUsed);
      }
      if (descOffset < 0 || availOffset < 0 || usedOffset < 0) {
        throw new IllegalArgumentException("queue " + index + " lies outside the window");
      }
    }
  }

  /** Starts serving. */
  record Run() implements DeviceRequest {}

  /** Takes no further chains, finishes those taken, then answers with the positions. */
  record Drain() implements DeviceRequest {}

  /** Ends the activation: the device forgets the window and the queues. */
  record Halt() implements DeviceRequest {}

  /** The driver wrote to the configuration space. */
  record WriteConfig(int offset, byte[] data) implements DeviceRequest {
    /** The largest write a transport makes at once. */
    public static final int BYTES_MAX = 8;

    public WriteConfig {
      if (offset < 0 || offset > DeviceReply.Info.CONFIG_BYTES_MAX || data.length > BYTES_MAX) {
        throw new IllegalArgumentException(
            "config write of " + data.length + " bytes at " + offset);
      }
    }
  }

  /** Asks for a sign of life. */
  record Ping() implements DeviceRequest {}
}
