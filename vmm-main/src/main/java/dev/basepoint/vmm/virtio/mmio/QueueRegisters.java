package dev.basepoint.vmm.virtio.mmio;

import dev.basepoint.ipc.virtqueue.RingAddresses;

/** What the driver has told about one virtqueue, as yet unchecked. */
final class QueueRegisters {
  private static final long LOW_MASK = 0xffff_ffffL;

  private int size;
  private boolean ready;
  private long descGpa;
  private long driverGpa;
  private long deviceGpa;

  boolean ready() {
    return ready;
  }

  void setReady(boolean ready) {
    this.ready = ready;
  }

  void setSize(int size) {
    this.size = size;
  }

  RingAddresses addresses() {
    return new RingAddresses(size, descGpa, driverGpa, deviceGpa);
  }

  /** Stores to one of the six address registers. */
  void setAddress(int register, int value) {
    switch (register) {
      case MmioRegister.QUEUE_DESC_LOW -> descGpa = low(descGpa, value);
      case MmioRegister.QUEUE_DESC_HIGH -> descGpa = high(descGpa, value);
      case MmioRegister.QUEUE_DRIVER_LOW -> driverGpa = low(driverGpa, value);
      case MmioRegister.QUEUE_DRIVER_HIGH -> driverGpa = high(driverGpa, value);
      case MmioRegister.QUEUE_DEVICE_LOW -> deviceGpa = low(deviceGpa, value);
      case MmioRegister.QUEUE_DEVICE_HIGH -> deviceGpa = high(deviceGpa, value);
      default -> throw new IllegalArgumentException("register 0x" + Integer.toHexString(register));
    }
  }

  void restore(TransportState.Queue saved) {
    ready = saved.ready();
    size = saved.addresses().queueSize();
    descGpa = saved.addresses().descGpa();
    driverGpa = saved.addresses().availGpa();
    deviceGpa = saved.addresses().usedGpa();
  }

  void reset() {
    size = 0;
    ready = false;
    descGpa = 0;
    driverGpa = 0;
    deviceGpa = 0;
  }

  private static long low(long address, int value) {
    return (address & ~LOW_MASK) | Integer.toUnsignedLong(value);
  }

  private static long high(long address, int value) {
    return (address & LOW_MASK) | (long) value << Integer.SIZE;
  }
}
