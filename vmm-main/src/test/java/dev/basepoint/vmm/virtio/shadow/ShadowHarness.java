package dev.basepoint.vmm.virtio.shadow;

import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.PopResult;
import dev.basepoint.ipc.virtqueue.QueueLimits;
import dev.basepoint.ipc.virtqueue.QueuePosition;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.vmm.virtio.mmio.DriverSetup;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One shadow queue between a guest's ring and a device, all on the test's thread: every step is
 * deterministic and nothing sleeps.
 */
final class ShadowHarness implements AutoCloseable {
  private final RingAddresses rings;
  private final long guestFeatures;
  private final long shadowFeatures;
  private final int shadowSize;
  private final Window window;
  private final EventFd[] kicks = {EventFd.create()};
  private final ReentrantLock lock = new ReentrantLock();
  private final ShadowCounters counters = new ShadowCounters();
  private final ShadowDevice shadow;
  private DeviceQueue device;
  private DescriptorChain chain;
  private String guestFault;
  private String serverFault;

  ShadowHarness(
      GuestMemory ram,
      RingAddresses rings,
      long guestFeatures,
      long shadowFeatures,
      int shadowSize,
      DeviceProfile profile)
      throws IOException {
    this.rings = rings;
    this.guestFeatures = guestFeatures;
    this.shadowFeatures = shadowFeatures;
    this.shadowSize = shadowSize;
    window = Window.create("window-test", List.of(shadowSize), profile.slotsBytesPerQueue());
    shadow = new ShadowDevice(lock, ram, profile, 1, counters, new Faults());
    restart();
  }

  /** As after a reset and a new set-up by the driver. */
  void restart() {
    lock.lock();
    try {
      DriverSetup setup = new DriverSetup(guestFeatures, List.of(new DriverSetup.Queue(0, rings)));
      shadow.start(setup, window, shadowFeatures, kicks, List.of());
      shadow.run();
    } finally {
      lock.unlock();
    }
    guestFault = null;
    serverFault = null;
    openDevice();
  }

  private void openDevice() {
    DeviceQueue.Opening opening =
        DeviceQueue.open(
            window.memory(),
            window.rings(0),
            shadowFeatures,
            QueueLimits.ofSpecification(shadowSize),
            QueuePosition.START);
    device = ((DeviceQueue.Opened) opening).queue();
    chain = device.newChain();
  }

  /** Lets everything happen that can, until all is quiet or the guest's fault ends it. */
  void settle() {
    shadow.onKick(0);
    boolean more = true;
    while (more) {
      serveDevice();
      shadow.onCall(0);
      boolean worked = shadow.poll();
      more = guestFault == null && serverFault == null && (shadow.beforeSleep() || worked);
    }
  }

  /** The device: fills what it may write with 0xdd. */
  private void serveDevice() {
    PopResult result = device.pop(chain);
    while (result == PopResult.CHAIN) {
      for (int i = chain.readableCount(); i < chain.count(); i++) {
        chain.memory(i).asSlice(chain.offset(i), chain.length(i)).fill((byte) 0xdd);
      }
      device.push(chain.headId(), chain.writableBytes());
      result = device.pop(chain);
    }
    if (result != PopResult.EMPTY) {
      throw new AssertionError("the shadow ring holds " + result);
    }
    device.publish();
    device.enableKicks();
  }

  String guestFault() {
    return guestFault;
  }

  String serverFault() {
    return serverFault;
  }

  long counter(String key) {
    return counters.values().get(key);
  }

  @Override
  public void close() {
    lock.lock();
    try {
      shadow.stop();
    } finally {
      lock.unlock();
    }
    window.close();
    kicks[0].close();
  }

  private final class Faults implements ShadowDevice.Listener {
    @Override
    public void onUsedBuffers() {}

    @Override
    public void onGuestFault(String what) {
      guestFault = what;
    }

    @Override
    public void onServerFault(String what) {
      serverFault = what;
    }
  }
}
