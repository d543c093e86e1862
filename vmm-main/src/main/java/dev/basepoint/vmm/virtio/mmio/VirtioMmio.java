package dev.basepoint.vmm.virtio.mmio;

import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.vmm.machine.InterruptLine;
import dev.basepoint.vmm.machine.MmioDevice;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The registers of one device on virtio-mmio version 2, virtio 1.2 §4.2.
 *
 * <p>The guest is presumed malicious: any access at any time has a defined answer. What comes in
 * the wrong order is ignored, so that the driver sees by reading back that it was not taken; what
 * would make the device unusable sets DEVICE_NEEDS_RESET.
 *
 * <p>Threads: registers are guarded by the device's lock. Only the interrupt registers are not,
 * since every interrupt reads and writes them while the I/O thread holds the lock for its copies.
 */
public final class VirtioMmio implements MmioDevice {
  /** Not a legacy device, §6.1. */
  public static final long VIRTIO_F_VERSION_1 = 1L << 32;

  private static final int MAGIC = 'v' | 'i' << 8 | 'r' << 16 | 't' << 24;
  private static final int TRANSPORT_VERSION = 2;
  private static final int VENDOR = 'B' | 'P' << 8 | 'V' << 16 | 'M' << 24;
  private static final int INTERRUPT_USED_BUFFER = 1;
  private static final int INTERRUPT_CONFIG_CHANGE = 2;

  /** A shared memory region that does not exist has this length and base, §4.2.2. */
  private static final int NO_SHARED_MEMORY = -1;

  /**
   * What never changes.
   *
   * @param features offered to the driver, VIRTIO_F_VERSION_1 among them
   */
  public record Identity(int deviceId, long features, int queueCount, int queueSizeMax) {}

  private final Identity identity;
  private final ConfigSpace config;
  private final GuestMemory memory;
  private final InterruptLine interrupt;
  private final ReentrantLock lock;
  private final DeviceActions actions;
  private final QueueRegisters[] queues;
  private final AtomicInteger interruptStatus = new AtomicInteger();

  private int status;
  private int deviceFeaturesSel;
  private int driverFeaturesSel;
  private int queueSel;
  private long driverFeatures;
  private boolean unknownFeatures;

  /**
   * @param lock the device's lock, which the caller shares
   */
  public VirtioMmio(
      Identity identity,
      ConfigSpace config,
      GuestMemory memory,
      InterruptLine interrupt,
      ReentrantLock lock,
      DeviceActions actions) {
    this.identity = identity;
    this.config = config;
    this.memory = memory;
    this.interrupt = interrupt;
    this.lock = lock;
    this.actions = actions;
    queues = new QueueRegisters[identity.queueCount()];
    for (int i = 0; i < queues.length; i++) {
      queues[i] = new QueueRegisters();
    }
  }

  /** Tells the driver that buffers were used. From any thread, with or without the lock. */
  public void notifyUsedBuffer() {
    notifyDriver(INTERRUPT_USED_BUFFER);
  }

  /** Tells the driver that the configuration space has changed; the caller holds the lock. */
  public void notifyConfigChange() {
    if (isSet(DeviceStatus.DRIVER_OK)) {
      notifyDriver(INTERRUPT_CONFIG_CHANGE);
    }
  }

  /**
   * Sets DEVICE_NEEDS_RESET, §2.1.2; the caller holds the lock. A device that nobody drives stays
   * as it is: there is no one to tell, and its next driver starts with a reset anyway.
   */
  public void needsReset() {
    if (isSet(DeviceStatus.DRIVER) && !isSet(DeviceStatus.DEVICE_NEEDS_RESET)) {
      status |= DeviceStatus.DEVICE_NEEDS_RESET;
      notifyConfigChange();
    }
  }

  /** The registers; the caller holds the lock. */
  public TransportState state() {
    List<TransportState.Queue> saved = new ArrayList<>();
    for (QueueRegisters queue : queues) {
      saved.add(new TransportState.Queue(queue.ready(), queue.addresses()));
    }
    return new TransportState(
        status,
        interruptStatus.get(),
        deviceFeaturesSel,
        driverFeaturesSel,
        queueSel,
        driverFeatures,
        unknownFeatures,
        saved);
  }

  /**
   * Takes over saved registers, before the machine runs; the caller holds the lock. They are
   * checked as if the driver had written them one by one.
   *
   * @return what the driver wants served, or nothing
   * @throws IOException if no driver could have brought a device there
   */
  public Optional<DriverSetup> restore(TransportState saved) throws IOException {
    if (!DeviceStatus.isPossible(saved.status())
        || (saved.interruptStatus() & ~(INTERRUPT_USED_BUFFER | INTERRUPT_CONFIG_CHANGE)) != 0
        || saved.queues().size() != queues.length) {
      throw new IOException("the saved registers are damaged");
    }
    status = saved.status();
    deviceFeaturesSel = saved.deviceFeaturesSel();
    driverFeaturesSel = saved.driverFeaturesSel();
    queueSel = saved.queueSel();
    driverFeatures = saved.driverFeatures();
    unknownFeatures = saved.unknownFeatures();
    if (isSet(DeviceStatus.FEATURES_OK) && !featuresAreAcceptable()) {
      throw new IOException("the saved features are not what this device offers");
    }
    for (int i = 0; i < queues.length; i++) {
      TransportState.Queue queue = saved.queues().get(i);
      if (queue.ready() && (!isSet(DeviceStatus.FEATURES_OK) || isRefused(queue.addresses()))) {
        throw new IOException("the saved queue " + i + " cannot be where it is");
      }
      queues[i].restore(queue);
    }
    interruptStatus.set(saved.interruptStatus());
    if (saved.interruptStatus() != 0) {
      // The edge may have been on its way when the interrupt controllers were saved; one too many
      // finds nothing to do.
      interrupt.raise();
    }
    return isSet(DeviceStatus.DRIVER_OK) && !isSet(DeviceStatus.DEVICE_NEEDS_RESET)
        ? Optional.of(setup())
        : Optional.empty();
  }

  private boolean isRefused(RingAddresses addresses) {
    return addresses.queueSize() > identity.queueSizeMax() || addresses.refusal(memory).isPresent();
  }

  private void notifyDriver(int cause) {
    // The edge must find the cause in the register.
    interruptStatus.getAndUpdate(bits -> bits | cause);
    interrupt.raise();
  }

  @Override
  public long read(long offset, int bytes) {
    if (offset == MmioRegister.INTERRUPT_STATUS && bytes == MmioRegister.REGISTER_BYTES) {
      return interruptStatus.get();
    }
    lock.lock();
    try {
      if (offset >= MmioRegister.CONFIG) {
        return config.read(offset - MmioRegister.CONFIG, bytes);
      }
      return isRegister(offset, bytes) ? Integer.toUnsignedLong(readRegister((int) offset)) : 0;
    } finally {
      lock.unlock();
    }
  }

  private static boolean isRegister(long offset, int bytes) {
    return offset >= 0
        && offset % MmioRegister.REGISTER_BYTES == 0
        && bytes == MmioRegister.REGISTER_BYTES;
  }

  private int readRegister(int offset) {
    return switch (offset) {
      case MmioRegister.MAGIC_VALUE -> MAGIC;
      case MmioRegister.VERSION -> TRANSPORT_VERSION;
      case MmioRegister.DEVICE_ID -> identity.deviceId();
      case MmioRegister.VENDOR_ID -> VENDOR;
      case MmioRegister.DEVICE_FEATURES -> page(identity.features(), deviceFeaturesSel);
      case MmioRegister.QUEUE_NUM_MAX -> selected() == null ? 0 : identity.queueSizeMax();
      case MmioRegister.QUEUE_READY -> selected() != null && selected().ready() ? 1 : 0;
      case MmioRegister.STATUS -> status;
      case MmioRegister.SHM_LEN_LOW,
          MmioRegister.SHM_LEN_HIGH,
          MmioRegister.SHM_BASE_LOW,
          MmioRegister.SHM_BASE_HIGH ->
          NO_SHARED_MEMORY;
      case MmioRegister.CONFIG_GENERATION -> config.generation();
      default -> 0;
    };
  }

  private static int page(long features, int selector) {
    return switch (selector) {
      case 0 -> (int) features;
      case 1 -> (int) (features >>> Integer.SIZE);
      default -> 0;
    };
  }

  @Override
  public void write(long offset, int bytes, long value) {
    if (offset == MmioRegister.INTERRUPT_ACK && bytes == MmioRegister.REGISTER_BYTES) {
      interruptStatus.getAndUpdate(pending -> pending & ~(int) value);
      return;
    }
    lock.lock();
    try {
      if (offset >= MmioRegister.CONFIG) {
        writeConfig(offset - MmioRegister.CONFIG, bytes, value);
      } else if (isRegister(offset, bytes)) {
        writeRegister((int) offset, (int) value);
      }
    } finally {
      lock.unlock();
    }
  }

  private void writeConfig(long offset, int count, long value) {
    if (!config.contains(offset, count) || !isSet(DeviceStatus.FEATURES_OK)) {
      return;
    }
    byte[] data = new byte[count];
    for (int i = 0; i < count; i++) {
      data[i] = (byte) (value >>> (i * Byte.SIZE));
    }
    if (actions.writeConfig((int) offset, data, driverFeatures)) {
      config.write((int) offset, count, value);
    }
  }

  private void writeRegister(int offset, int value) {
    switch (offset) {
      case MmioRegister.DEVICE_FEATURES_SEL -> deviceFeaturesSel = value;
      case MmioRegister.DRIVER_FEATURES -> acceptFeatures(value);
      case MmioRegister.DRIVER_FEATURES_SEL -> driverFeaturesSel = value;
      case MmioRegister.QUEUE_SEL -> queueSel = value;
      case MmioRegister.QUEUE_NOTIFY -> notifyQueue(value);
      case MmioRegister.STATUS -> writeStatus(value);
      case MmioRegister.QUEUE_READY -> writeQueueReady(value);
      case MmioRegister.QUEUE_NUM -> {
        if (queueIsConfigurable()) {
          selected().setSize(value);
        }
      }
      case MmioRegister.QUEUE_DESC_LOW,
          MmioRegister.QUEUE_DESC_HIGH,
          MmioRegister.QUEUE_DRIVER_LOW,
          MmioRegister.QUEUE_DRIVER_HIGH,
          MmioRegister.QUEUE_DEVICE_LOW,
          MmioRegister.QUEUE_DEVICE_HIGH -> {
        if (queueIsConfigurable()) {
          selected().setAddress(offset, value);
        }
      }
      default -> {}
    }
  }

  private void acceptFeatures(int bits) {
    if (!isSet(DeviceStatus.DRIVER) || isSet(DeviceStatus.FEATURES_OK)) {
      return;
    }
    switch (driverFeaturesSel) {
      case 0 ->
          driverFeatures = (driverFeatures & -1L << Integer.SIZE) | Integer.toUnsignedLong(bits);
      case 1 ->
          driverFeatures =
              (driverFeatures & 0xffff_ffffL) | Integer.toUnsignedLong(bits) << Integer.SIZE;
      default -> unknownFeatures |= bits != 0;
    }
  }

  private boolean featuresAreAcceptable() {
    return !unknownFeatures
        && (driverFeatures & ~identity.features()) == 0
        && (driverFeatures & VIRTIO_F_VERSION_1) != 0;
  }

  private void writeStatus(int value) {
    if (value == 0) {
      reset();
      return;
    }
    // Bits are only ever added, §2.1.1; in the order of §3.1.1, even within one write.
    addStatus(value, DeviceStatus.FAILED);
    addStatus(value, DeviceStatus.ACKNOWLEDGE);
    addStatus(value, DeviceStatus.DRIVER);
    addStatus(value, DeviceStatus.FEATURES_OK);
    addStatus(value, DeviceStatus.DRIVER_OK);
  }

  private void addStatus(int value, int bit) {
    int prerequisite = DeviceStatus.prerequisite(bit);
    boolean out = (value & bit) == 0 || isSet(bit) || (status & prerequisite) != prerequisite;
    boolean dead = isSet(DeviceStatus.FAILED) || isSet(DeviceStatus.DEVICE_NEEDS_RESET);
    if (out || dead || (bit == DeviceStatus.FEATURES_OK && !featuresAreAcceptable())) {
      return;
    }
    status |= bit;
    if (bit == DeviceStatus.DRIVER_OK) {
      actions.activate(setup());
    }
  }

  private DriverSetup setup() {
    List<DriverSetup.Queue> ready = new ArrayList<>();
    for (int i = 0; i < queues.length; i++) {
      if (queues[i].ready()) {
        ready.add(new DriverSetup.Queue(i, queues[i].addresses()));
      }
    }
    return new DriverSetup(driverFeatures, ready);
  }

  private void reset() {
    status = 0;
    deviceFeaturesSel = 0;
    driverFeaturesSel = 0;
    queueSel = 0;
    driverFeatures = 0;
    unknownFeatures = false;
    for (QueueRegisters queue : queues) {
      queue.reset();
    }
    actions.reset();
    // Last: the I/O thread raises nothing any more.
    interruptStatus.set(0);
  }

  private void writeQueueReady(int value) {
    QueueRegisters queue = selected();
    if (queue == null) {
      return;
    }
    if (value == 0) {
      if (queue.ready()) {
        queue.setReady(false);
        actions.stopQueue(queueSel);
      }
    } else if (queueIsConfigurable()) {
      makeReady(queue);
    }
  }

  private void makeReady(QueueRegisters queue) {
    RingAddresses addresses = queue.addresses();
    if (isRefused(addresses)) {
      actions.driverError("queue " + queueSel + " cannot be at " + addresses);
      needsReset();
      return;
    }
    queue.setReady(true);
  }

  private void notifyQueue(int value) {
    if (value >= 0 && value < queues.length) {
      actions.kick(value);
    }
  }

  private QueueRegisters selected() {
    return queueSel >= 0 && queueSel < queues.length ? queues[queueSel] : null;
  }

  private boolean queueIsConfigurable() {
    QueueRegisters queue = selected();
    return queue != null
        && !queue.ready()
        && isSet(DeviceStatus.FEATURES_OK)
        && !isSet(DeviceStatus.DRIVER_OK);
  }

  private boolean isSet(int bit) {
    return (status & bit) != 0;
  }
}
