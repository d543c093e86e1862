package dev.basepoint.vmm.virtio.mmio;

/** The bits of the device status field, virtio 1.2 §2.1. */
final class DeviceStatus {
  static final int ACKNOWLEDGE = 1;
  static final int DRIVER = 2;
  static final int DRIVER_OK = 4;
  static final int FEATURES_OK = 8;
  static final int DEVICE_NEEDS_RESET = 64;
  static final int FAILED = 128;

  private DeviceStatus() {}

  /** The bit that must be set before {@code bit} may be, §3.1.1; 0 if none. */
  static int prerequisite(int bit) {
    return switch (bit) {
      case DRIVER -> ACKNOWLEDGE;
      case FEATURES_OK -> DRIVER;
      case DRIVER_OK -> FEATURES_OK;
      default -> 0;
    };
  }
}
