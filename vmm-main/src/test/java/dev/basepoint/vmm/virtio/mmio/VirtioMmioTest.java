package dev.basepoint.vmm.virtio.mmio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.memory.GuestMemory;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Test;

/** The registers of virtio 1.2 §4.2, one driver at a time and then a million accesses at random. */
class VirtioMmioTest {
  private static final long VERSION_1 = VirtioMmio.VIRTIO_F_VERSION_1;
  private static final long OFFERED = VERSION_1 | 1L << 29 | 0b101;
  private static final int QUEUES = 3;
  private static final long RAM_BYTES = 1 << 20;

  private final Recorder actions = new Recorder();
  private final ConfigSpace config = new ConfigSpace();
  private final ReentrantLock lock = new ReentrantLock();
  private final VirtioMmio device =
      new VirtioMmio(
          new VirtioMmio.Identity(2, OFFERED, QUEUES, 128),
          config,
          GuestMemory.ofWindow(Arena.ofAuto().allocate(RAM_BYTES, 4096)),
          () -> actions.edges++,
          lock,
          actions);

  private final class Recorder implements DeviceActions {
    int edges;
    int errors;
    final List<DriverSetup> setups = new ArrayList<>();
    final List<Integer> stopped = new ArrayList<>();

    @Override
    public void activate(DriverSetup setup) {
      assertTrue(lock.isHeldByCurrentThread());
      setups.add(setup);
    }

    @Override
    public void reset() {
      assertTrue(lock.isHeldByCurrentThread());
    }

    @Override
    public void stopQueue(int index) {
      stopped.add(index);
    }

    @Override
    public void kick(int index) {
      assertTrue(index >= 0 && index < QUEUES);
    }

    @Override
    public boolean writeConfig(int offset, byte[] data, long features) {
      return offset == 4;
    }

    @Override
    public void driverError(String what) {
      errors++;
    }
  }

  private int read(int register) {
    return (int) device.read(register, 4);
  }

  private void write(int register, long value) {
    device.write(register, 4, value & 0xffff_ffffL);
  }

  private void negotiate(long features) {
    write(MmioRegister.STATUS, 0);
    write(MmioRegister.STATUS, 1);
    write(MmioRegister.STATUS, 3);
    write(MmioRegister.DRIVER_FEATURES_SEL, 0);
    write(MmioRegister.DRIVER_FEATURES, features);
    write(MmioRegister.DRIVER_FEATURES_SEL, 1);
    write(MmioRegister.DRIVER_FEATURES, features >>> 32);
    write(MmioRegister.STATUS, 11);
  }

  private void setUpQueue(int index, int size, long desc, long avail, long used) {
    write(MmioRegister.QUEUE_SEL, index);
    write(MmioRegister.QUEUE_NUM, size);
    write(MmioRegister.QUEUE_DESC_LOW, desc);
    write(MmioRegister.QUEUE_DESC_HIGH, desc >>> 32);
    write(MmioRegister.QUEUE_DRIVER_LOW, avail);
    write(MmioRegister.QUEUE_DRIVER_HIGH, avail >>> 32);
    write(MmioRegister.QUEUE_DEVICE_LOW, used);
    write(MmioRegister.QUEUE_DEVICE_HIGH, used >>> 32);
    write(MmioRegister.QUEUE_READY, 1);
  }

  @Test
  void identifiesItself() {
    assertEquals(0x74726976, read(MmioRegister.MAGIC_VALUE));
    assertEquals(2, read(MmioRegister.VERSION));
    assertEquals(2, read(MmioRegister.DEVICE_ID));
    assertEquals(-1, read(MmioRegister.SHM_LEN_LOW));
    assertEquals(-1, read(MmioRegister.SHM_BASE_HIGH));
    write(MmioRegister.DEVICE_FEATURES_SEL, 1);
    assertEquals((int) (OFFERED >>> 32), read(MmioRegister.DEVICE_FEATURES));
    write(MmioRegister.DEVICE_FEATURES_SEL, 0);
    assertEquals((int) OFFERED, read(MmioRegister.DEVICE_FEATURES));
    write(MmioRegister.DEVICE_FEATURES_SEL, 2);
    assertEquals(0, read(MmioRegister.DEVICE_FEATURES));
    write(MmioRegister.QUEUE_SEL, QUEUES - 1);
    assertEquals(128, read(MmioRegister.QUEUE_NUM_MAX));
    write(MmioRegister.QUEUE_SEL, QUEUES);
    assertEquals(0, read(MmioRegister.QUEUE_NUM_MAX));
    write(MmioRegister.QUEUE_SEL, -1);
    assertEquals(0, read(MmioRegister.QUEUE_NUM_MAX));
  }

  @Test
  void activatesOnceWithWhatWasNegotiated() {
    negotiate(OFFERED);
    setUpQueue(0, 64, 0x1000, 0x2000, 0x3000);
    setUpQueue(2, 128, 0x4000, 0x5000, 0x6000);
    assertEquals(1, read(MmioRegister.QUEUE_READY));
    write(MmioRegister.STATUS, 15);
    write(MmioRegister.STATUS, 15);
    assertEquals(15, read(MmioRegister.STATUS));
    assertEquals(1, actions.setups.size());
    DriverSetup setup = actions.setups.getFirst();
    assertEquals(OFFERED, setup.features());
    assertEquals(List.of(0, 2), setup.queues().stream().map(DriverSetup.Queue::index).toList());
    assertEquals(0x6000, setup.queues().getLast().addresses().usedGpa());
    write(MmioRegister.QUEUE_SEL, 2);
    write(MmioRegister.QUEUE_READY, 0);
    assertEquals(0, read(MmioRegister.QUEUE_READY));
    assertEquals(List.of(2), actions.stopped);
  }

  @Test
  void refusesFeaturesThatWereNotOffered() {
    negotiate(OFFERED | 1L << 1);
    assertEquals(3, read(MmioRegister.STATUS));
    negotiate(OFFERED & ~VERSION_1);
    assertEquals(3, read(MmioRegister.STATUS));
    negotiate(VERSION_1);
    assertEquals(11, read(MmioRegister.STATUS));
    write(MmioRegister.STATUS, 0);
    write(MmioRegister.STATUS, 3);
    write(MmioRegister.DRIVER_FEATURES_SEL, 1);
    write(MmioRegister.DRIVER_FEATURES, 1);
    write(MmioRegister.DRIVER_FEATURES_SEL, 2);
    write(MmioRegister.DRIVER_FEATURES, 1);
    write(MmioRegister.STATUS, 11);
    assertEquals(3, read(MmioRegister.STATUS), "a feature of the third page");
  }

  @Test
  void takesStatusBitsInTheirOrderOnly() {
    write(MmioRegister.STATUS, 2);
    assertEquals(0, read(MmioRegister.STATUS));
    write(MmioRegister.STATUS, 4);
    assertEquals(0, read(MmioRegister.STATUS));
    negotiate(VERSION_1);
    write(MmioRegister.STATUS, 4);
    assertEquals(15, read(MmioRegister.STATUS), "bits are never cleared one by one");
    assertEquals(1, actions.setups.size());
    write(MmioRegister.STATUS, 128);
    assertEquals(143, read(MmioRegister.STATUS));
    write(MmioRegister.STATUS, 0);
    assertEquals(0, read(MmioRegister.STATUS));
  }

  @Test
  void leavesTheDriverAloneWithFeaturesAfterFeaturesOk() {
    negotiate(VERSION_1);
    write(MmioRegister.DRIVER_FEATURES_SEL, 0);
    write(MmioRegister.DRIVER_FEATURES, -1);
    write(MmioRegister.STATUS, 15);
    assertEquals(VERSION_1, actions.setups.getFirst().features());
  }

  @Test
  void needsResetAfterAnImpossibleQueue() {
    long[][] impossible = {
      {0, 0x1000, 0x2000, 0x3000},
      {3, 0x1000, 0x2000, 0x3000},
      {256, 0x1000, 0x2000, 0x3000},
      {64, 0x1008, 0x2000, 0x3000},
      {64, 0x1000, 0x2001, 0x3000},
      {64, 0x1000, 0x2000, 0x3002},
      {64, RAM_BYTES - 16, 0x2000, 0x3000},
      {64, 0x1000, RAM_BYTES, 0x3000},
      {64, 0x1000, 0x2000, -4096},
      {64, 1L << 40, 0x2000, 0x3000}
    };
    for (long[] queue : impossible) {
      negotiate(VERSION_1);
      setUpQueue(1, (int) queue[0], queue[1], queue[2], queue[3]);
      assertEquals(0, read(MmioRegister.QUEUE_READY));
      assertEquals(11 | 64, read(MmioRegister.STATUS));
      write(MmioRegister.STATUS, 15);
      assertEquals(11 | 64, read(MmioRegister.STATUS));
    }
    assertEquals(impossible.length, actions.errors);
    assertEquals(0, actions.setups.size());
  }

  @Test
  void tellsARunningDriverThatAResetIsNeeded() {
    negotiate(VERSION_1);
    setUpQueue(0, 64, 0x1000, 0x2000, 0x3000);
    write(MmioRegister.STATUS, 15);
    lock.lock();
    try {
      device.needsReset();
    } finally {
      lock.unlock();
    }
    assertEquals(15 | 64, read(MmioRegister.STATUS));
    assertEquals(2, read(MmioRegister.INTERRUPT_STATUS));
    assertEquals(1, actions.edges);
    device.notifyUsedBuffer();
    assertEquals(3, read(MmioRegister.INTERRUPT_STATUS));
    write(MmioRegister.INTERRUPT_ACK, 2);
    assertEquals(1, read(MmioRegister.INTERRUPT_STATUS));
    write(MmioRegister.STATUS, 0);
    assertEquals(0, read(MmioRegister.INTERRUPT_STATUS));
    assertFalse(lock.isLocked());
  }

  @Test
  void readsConfigurationInAnyWidth() {
    config.replace(new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    assertEquals(0x0807060504030201L, device.read(MmioRegister.CONFIG, 8));
    assertEquals(0x0a09, device.read(MmioRegister.CONFIG + 8, 8), "zero beyond the end");
    assertEquals(0x0403, device.read(MmioRegister.CONFIG + 2, 2));
    assertEquals(0, device.read(MmioRegister.CONFIG + 0xe00, 4));
    negotiate(VERSION_1);
    device.write(MmioRegister.CONFIG + 4, 1, 0xff);
    device.write(MmioRegister.CONFIG + 5, 1, 0xff);
    device.write(MmioRegister.CONFIG + 9, 2, 0xffff);
    assertEquals(0x080706ff, device.read(MmioRegister.CONFIG + 4, 4), "only what is writable");
  }

  @Test
  void answersAMillionAccessesAtRandom() {
    SplittableRandom random = new SplittableRandom(0xacce55);
    config.replace(new byte[60]);
    int[] widths = {1, 2, 4, 4, 4, 4, 4, 4, 8};
    int[] registers = {
      0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64, 0x70, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4,
      0xc0, 0x100, 0x104, 0x11c, 0xffc
    };
    long[] values = {0, 1, 2, 3, 4, 8, 11, 15, 64, 128, 0x1000, 0x2000, 0x3000, 0xffff_ffffL};
    for (int i = 0; i < 1_500_000; i++) {
      int width = widths[random.nextInt(widths.length)];
      int offset =
          random.nextInt(4) == 0
              ? random.nextInt(0x1000 - width + 1)
              : Math.min(registers[random.nextInt(registers.length)], 0x1000 - width);
      long mask = -1L >>> (64 - 8 * width);
      if (random.nextInt(3) == 0) {
        long value = device.read(offset, width);
        assertEquals(0, value & ~mask);
      } else {
        boolean known = random.nextInt(4) != 0;
        long value = known ? values[random.nextInt(values.length)] : random.nextLong();
        device.write(offset, width, value & mask);
      }
      if (i % 64 == 0) {
        // Random accesses alone rarely get this far.
        negotiate(random.nextBoolean() ? OFFERED : VERSION_1);
        setUpQueue(random.nextInt(QUEUES), 1 << random.nextInt(8), 0x1000, 0x2000, 0x3000);
        write(MmioRegister.STATUS, 15);
      }
      assertFalse(lock.isLocked());
    }
    int setupsBefore = actions.setups.size();
    negotiate(OFFERED);
    setUpQueue(1, 64, 0x1000, 0x2000, 0x3000);
    write(MmioRegister.STATUS, 15);
    assertEquals(setupsBefore + 1, actions.setups.size());
    assertEquals(15, read(MmioRegister.STATUS));
    for (DriverSetup setup : actions.setups) {
      assertEquals(0, setup.features() & ~OFFERED);
      for (DriverSetup.Queue queue : setup.queues()) {
        assertTrue(queue.addresses().queueSize() <= 128);
      }
    }
  }
}
