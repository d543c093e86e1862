package dev.basepoint.vmm.virtio.shadow;

import dev.basepoint.ipc.control.SupervisionRequest;

/**
 * What vmm-main knows of a kind of device, besides what the device's server says.
 *
 * <p>The limits are larger than anything that a driver asks for which keeps to the device's
 * configuration (size_max times seg_max, the largest packet). A chain beyond them is the driver's
 * mistake: the device then needs a reset.
 *
 * @param virtioDeviceId virtio 1.2 §5
 * @param chainBytesMax most bytes of one descriptor chain
 * @param slotsBytesPerQueue room for the data of a queue's requests; when it is used up, requests
 *     wait in the guest's ring. More than twice {@code chainBytesMax}, since slots are aligned.
 * @param trailingStatusBytes how many bytes at the end of the writable part are copied to the guest
 *     whatever used length the server reports: a failed request has its status there, and less data
 *     before it
 * @param firstQueueStaysOpen whether requests on queue 0 wait for the outside world; those on other
 *     queues always end
 * @param everyRequestEnds whether a request ends by itself, so that a server which completes none
 *     for long has stalled
 */
public record DeviceProfile(
    int virtioDeviceId,
    long chainBytesMax,
    long slotsBytesPerQueue,
    int trailingStatusBytes,
    boolean firstQueueStaysOpen,
    boolean everyRequestEnds) {
  private static final long MIB = 1L << 20;

  private static final DeviceProfile BLK =
      new DeviceProfile(2, 4 * MIB + 4096, 16 * MIB, 1, false, true);
  private static final DeviceProfile NET = new DeviceProfile(1, MIB / 8, 4 * MIB, 0, true, false);
  private static final DeviceProfile RNG = new DeviceProfile(4, MIB, 4 * MIB, 0, true, false);

  /** Whether requests on a queue may stay in flight for ever. */
  boolean staysOpen(int queue) {
    return firstQueueStaysOpen && queue == 0;
  }

  /** The profile of a device kind. */
  public static DeviceProfile of(SupervisionRequest.Kind kind) {
    return switch (kind) {
      case BLK -> BLK;
      case NET -> NET;
      case RNG -> RNG;
    };
  }
}
