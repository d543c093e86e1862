package dev.basepoint.vmm.virtio.mmio;

/**
 * What the transport asks of the device behind it. Called on vCPU threads with the device's lock
 * held; nothing here may wait for a device server.
 */
public interface DeviceActions {
  /** The driver has set DRIVER_OK: serve its queues as soon as possible. */
  void activate(DriverSetup setup);

  /** The driver has reset the device: from the return on, guest RAM is left alone. */
  void reset();

  /** The driver has stopped one queue: from the return on, its rings and buffers are left alone. */
  void stopQueue(int index);

  /** The driver has notified a queue by an exit instead of an ioeventfd. */
  void kick(int index);

  /**
   * The driver writes to the configuration space.
   *
   * @return whether the field is writable and takes the value; otherwise the write is ignored
   */
  boolean writeConfig(int offset, byte[] data, long features);

  /** The driver has made a mistake that it cannot recover from without a reset. */
  void driverError(String what);
}
