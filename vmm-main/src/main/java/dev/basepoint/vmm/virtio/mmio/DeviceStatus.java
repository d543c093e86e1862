package dev.basepoint.vmm.virtio.mmio;

/** The bits of the device status field, virtio 1.2 §2.1. */
final class DeviceStatus {
  static final int ACKNOWLEDGE = 1;
  static final int DRIVER = 2;
  static final int DRIVER_OK = 4;
  static final int FEATURES_OK = 8;
  static final int DEVICE_NEEDS_RESET = 64;
  static final int FAILED = 128;

  private static final int[] IN_ORDER = {ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK};
  private static final int ALL =
      ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK | DEVICE_NEEDS_RESET | FAILED;

  private DeviceStatus() {}

  /** Whether a device can have this status at all. */
  static boolean isPossible(int status) {
    boolean possible = (status & ~ALL) == 0;
    for (int bit : IN_ORDER) {
      int prerequisite = prerequisite(bit);
      possible &= (status & bit) == 0 || (status & prerequisite) == prerequisite;
    }
    return possible && ((status & DEVICE_NEEDS_RESET) == 0 || (status & DRIVER) != 0);
  }

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
