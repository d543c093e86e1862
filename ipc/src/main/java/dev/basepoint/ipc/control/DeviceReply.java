package dev.basepoint.ipc.control;

import java.util.List;

/** What a device server answers. */
public sealed interface DeviceReply {
  record Hello(int version, long featureBits) implements DeviceReply {}

  /**
   * What the device is.
   *
   * @param virtioDeviceId virtio 1.2 section 5
   * @param features device feature bits offered, transport bits included
   * @param queueSizeMax a power of two
   * @param config configuration space, at most {@link #CONFIG_BYTES_MAX} bytes
   */
  record Info(int virtioDeviceId, long features, int queueCount, int queueSizeMax, byte[] config)
      implements DeviceReply {
    public static final int CONFIG_BYTES_MAX = 256;

    public Info {
      if (virtioDeviceId < 1 || virtioDeviceId > 63) {
        throw new IllegalArgumentException("virtio device id " + virtioDeviceId);
      }
      if (queueCount < 1 || queueCount > DeviceRequest.Activate.QUEUES_MAX) {
        throw new IllegalArgumentException(queueCount + " queues");
      }
      if (queueSizeMax < 2 || queueSizeMax > 32768 || Integer.bitCount(queueSizeMax) != 1) {
        throw new IllegalArgumentException("largest queue size " + queueSizeMax);
      }
      if (config.length > CONFIG_BYTES_MAX) {
        throw new IllegalArgumentException("config space of " + config.length + " bytes");
      }
    }
  }

  /** Done; nothing to say. */
  record Done() implements DeviceReply {}

  /** Where each queue stands after draining. */
  record Drained(List<Position> queues) implements DeviceReply {
    public Drained {
      queues = List.copyOf(queues);
      if (queues.size() > DeviceRequest.Activate.QUEUES_MAX) {
        throw new IllegalArgumentException(queues.size() + " queue positions");
      }
    }
  }

  /** Free-running 16-bit ring indices of one queue. */
  record Position(int index, int nextAvail, int nextUsed) {
    public Position {
      if (index < 0
          || index >= DeviceRequest.Activate.QUEUES_MAX
          || nextAvail >>> 16 != 0
          || nextUsed >>> 16 != 0) {
        throw new IllegalArgumentException(
            "position of queue " + index + ": " + nextAvail + "/" + nextUsed);
      }
    }
  }
}
