package dev.basepoint.vmm.virtio.channel;

import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.ProtocolException;
import dev.basepoint.ipc.virtqueue.RingFeatures;
import dev.basepoint.vmm.virtio.mmio.VirtioMmio;
import dev.basepoint.vmm.virtio.shadow.DeviceProfile;

/** What vmm-main believes of what a device server says that its device is. */
final class Identities {
  /** Feature bits of device types, virtio 1.2 §2.2; the others belong to rings and transports. */
  private static final long DEVICE_FEATURES = ((1L << 24) - 1) | -1L << 50;

  /** What our own queues can do, whatever the server's can. */
  private static final long QUEUE_FEATURES =
      VirtioMmio.VIRTIO_F_VERSION_1
          | RingFeatures.VIRTIO_F_INDIRECT_DESC
          | RingFeatures.VIRTIO_F_EVENT_IDX;

  /** Bounds the memory that a lying server and its guest can make us take for queues. */
  private static final int QUEUES_MAX = 17;

  private static final int QUEUE_SIZE_MAX = 1024;

  private Identities() {}

  /**
   * The device as the guest shall see it.
   *
   * @throws ProtocolException if the server is not what it was started as
   */
  static VirtioMmio.Identity check(DeviceReply.Info info, DeviceProfile profile)
      throws ProtocolException {
    if (info.virtioDeviceId() != profile.virtioDeviceId()) {
      throw new ProtocolException("says that it is virtio device " + info.virtioDeviceId());
    }
    if ((info.features() & VirtioMmio.VIRTIO_F_VERSION_1) == 0) {
      throw new ProtocolException("does not offer VIRTIO_F_VERSION_1");
    }
    if (info.queueCount() > QUEUES_MAX) {
      throw new ProtocolException("says that it has " + info.queueCount() + " queues");
    }
    return new VirtioMmio.Identity(
        info.virtioDeviceId(),
        (info.features() & DEVICE_FEATURES) | QUEUE_FEATURES,
        info.queueCount(),
        Math.min(info.queueSizeMax(), QUEUE_SIZE_MAX));
  }

  /** The features of the shadow rings: what the server offers of those that make them cheaper. */
  static long ringFeatures(DeviceReply.Info info) {
    return info.features() & RingFeatures.VIRTIO_F_EVENT_IDX;
  }

  /** What the server is told: the driver's choice of device features, and the shadow rings'. */
  static long accepted(long driverFeatures, DeviceReply.Info info) {
    return (driverFeatures & DEVICE_FEATURES) | VirtioMmio.VIRTIO_F_VERSION_1 | ringFeatures(info);
  }

  /** Whether a server can take over from one that said {@code before}; config may differ. */
  static boolean sameDevice(DeviceReply.Info before, DeviceReply.Info after) {
    return before.virtioDeviceId() == after.virtioDeviceId()
        && before.features() == after.features()
        && before.queueCount() == after.queueCount()
        && before.queueSizeMax() == after.queueSizeMax()
        && before.config().length == after.config().length;
  }
}
