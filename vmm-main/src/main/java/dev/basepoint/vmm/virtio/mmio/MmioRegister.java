package dev.basepoint.vmm.virtio.mmio;

/**
 * Register offsets of virtio-mmio, virtio 1.2 §4.2.2. Each register has 32 bits and is accessed
 * whole; the configuration space, from {@link #CONFIG} on, is accessed in any way.
 */
public final class MmioRegister {
  public static final int MAGIC_VALUE = 0x000;
  public static final int VERSION = 0x004;
  public static final int DEVICE_ID = 0x008;
  public static final int VENDOR_ID = 0x00c;
  public static final int DEVICE_FEATURES = 0x010;
  public static final int DEVICE_FEATURES_SEL = 0x014;
  public static final int DRIVER_FEATURES = 0x020;
  public static final int DRIVER_FEATURES_SEL = 0x024;
  public static final int QUEUE_SEL = 0x030;
  public static final int QUEUE_NUM_MAX = 0x034;
  public static final int QUEUE_NUM = 0x038;
  public static final int QUEUE_READY = 0x044;
  public static final int QUEUE_NOTIFY = 0x050;
  public static final int INTERRUPT_STATUS = 0x060;
  public static final int INTERRUPT_ACK = 0x064;
  public static final int STATUS = 0x070;
  public static final int QUEUE_DESC_LOW = 0x080;
  public static final int QUEUE_DESC_HIGH = 0x084;
  public static final int QUEUE_DRIVER_LOW = 0x090;
  public static final int QUEUE_DRIVER_HIGH = 0x094;
  public static final int QUEUE_DEVICE_LOW = 0x0a0;
  public static final int QUEUE_DEVICE_HIGH = 0x0a4;
  public static final int SHM_LEN_LOW = 0x0b0;
  public static final int SHM_LEN_HIGH = 0x0b4;
  public static final int SHM_BASE_LOW = 0x0b8;
  public static final int SHM_BASE_HIGH = 0x0bc;
  public static final int CONFIG_GENERATION = 0x0fc;
  public static final int CONFIG = 0x100;

  /** Size of the whole register range in bytes. */
  public static final int RANGE_BYTES = 0x1000;

  /** Width of every register before the configuration space. */
  public static final int REGISTER_BYTES = 4;

  private MmioRegister() {}
}
